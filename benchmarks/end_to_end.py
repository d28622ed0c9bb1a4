"""The end-to-end table: quality and cost of published SAMTRON runs, and the price of capacity.

``python -m benchmarks.end_to_end [--rows NAME ...] [--seeds 0 1 2] [--out FILE]`` prints a
table and writes JSON. Every run is a process of its own, so that its seconds include
compilation; the target's seed is the run's. Run it alone on the machine.
"""

import argparse
import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

EVALUATION_SAMPLES = 40_000
CAPACITIES = (64, 1024)
CAPACITY_COMPONENTS = 17


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: of the row.
        target: name of the target.
        num_iterations: steps of the run.
        quality: largest negative ELBO allowed (absolute distance for a normalised target).
        evaluations: most target evaluations allowed.
        seconds: most seconds allowed, compilation included; None: not asked.
        modes: modes that must be found, if asked.
        overrides: settings that differ from the published ones.
    """

    name: str
    target: str
    num_iterations: int
    quality: float
    evaluations: float
    seconds: float | None = None
    modes: int | None = None
    overrides: tuple[tuple[str, Any], ...] = ()


ROWS = (
    Row("breast_cancer", "breast_cancer", 450, 78.32, 1.1e6, seconds=25.0),
    Row(
        "breast_cancer_fast_start",
        "breast_cancer",
        450,
        78.32,
        1.1e6,
        overrides=(("initial_component_stepsize", 0.3),),
    ),
    Row("breast_cancer_long", "breast_cancer", 740, 78.22, 2.9e6),
    Row("gmm20", "gmm20", 380, 0.01, 1.3e6, modes=10),
    Row("planar_robot_4", "planar_robot_4", 82, 12.60, 1.07e6, seconds=60.0),
)


def detected_modes(means: Any, weights: Any, modes: Any) -> int:
    """Returns how many true modes have a component within 6 sqrt(D) that weighs over 1e-3."""
    import numpy as np

    heavy = means[weights > 1e-3]
    distances = np.linalg.norm(heavy[None] - modes[:, None], axis=-1)
    return int(np.sum(distances.min(axis=1) <= 6.0 * np.sqrt(means.shape[1])))


def measure_run(row: Row, seed: int) -> dict[str, Any]:
    """Runs one row with one seed in this process and returns its figures."""
    start = time.perf_counter()
    import jax
    import numpy as np

    import gmmvi_jax as gmmvi

    target = gmmvi.targets.get(row.target, seed)
    config = gmmvi.published_config(
        "SAMTRON",
        row.target,
        num_iterations=row.num_iterations,
        seed=seed,
        **dict(row.overrides),
    )
    import_seconds = time.perf_counter() - start
    result = gmmvi.train(config, target)
    seconds = time.perf_counter() - start
    estimate = gmmvi.evaluation.elbo(
        result.gmm, target, jax.random.key(10_000 + seed), EVALUATION_SAMPLES
    )
    figures = {
        "row": row.name,
        "seed": seed,
        "negative_elbo": -float(estimate.mean),
        "standard_error": float(estimate.standard_error),
        "evaluations": int(result.history["num_target_evaluations"][-1]),
        "components": result.gmm.num_components,
        "seconds": seconds,
        "import_seconds": import_seconds,
        "first_chunk_seconds": float(result.history["wall_time"][0]),
        "rejected_updates": int(result.history["num_rejected_updates"].sum()),
    }
    modes = getattr(target, "modes", None)
    if row.modes is not None:
        figures["modes"] = detected_modes(
            np.asarray(result.gmm.means), np.asarray(result.gmm.weights), np.asarray(modes)
        )
    return figures


def measure_capacity() -> dict[str, Any]:
    """Times a step of breast_cancer with 17 components at each capacity, in this process."""
    import jax
    import jax.numpy as jnp

    import gmmvi_jax as gmmvi
    from gmmvi_jax.train import num_compilations, run_chunk

    target = gmmvi.targets.get("breast_cancer")
    programs = {}
    for capacity in CAPACITIES:
        config = gmmvi.published_config(
            "SAMTRON",
            "breast_cancer",
            max_components=capacity,
            num_initial_components=CAPACITY_COMPONENTS,
            add_iters=10**6,
        )
        algorithm = config.algorithm
        state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0))
        compilations = num_compilations()
        state, _ = run_chunk(algorithm, target, state, jnp.int32(10), 10)
        jax.block_until_ready(state)
        compilations = run_chunk._cache_size() - compilations  # type: ignore[attr-defined]
        programs[capacity] = [algorithm, state, [], compilations]
    for _ in range(9):  # interleaved, so that a change of the machine's speed hits both
        for program in programs.values():
            algorithm, state, times, _ = program
            start = time.perf_counter()
            state, _ = run_chunk(algorithm, target, state, jnp.int32(10), 10)
            jax.block_until_ready(state)
            times.append((time.perf_counter() - start) / 10)
            program[1] = state
    figures: dict[str, Any] = {"row": "capacity"}
    for capacity, (_, state, times, compilations) in programs.items():
        figures[f"milliseconds_{capacity}"] = 1e3 * statistics.median(times)
        figures[f"components_{capacity}"] = int(state.mixture.num_components)
        figures[f"compilations_{capacity}"] = compilations
    small, large = (figures[f"milliseconds_{capacity}"] for capacity in CAPACITIES)
    figures["ratio"] = large / small
    return figures


def _in_own_process(arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.end_to_end", "--worker", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def _line(row: Row, runs: list[dict[str, Any]]) -> str:
    def middle(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    quality = middle("negative_elbo")
    measured = abs(quality) if row.modes is not None else quality
    checks = [measured <= row.quality, middle("evaluations") <= row.evaluations]
    limit = ""
    if row.seconds is not None:
        checks.append(middle("seconds") <= row.seconds)
        limit = f" (<= {row.seconds:.0f})"
    modes = ""
    if row.modes is not None:
        modes = f", modes {'/'.join(str(run['modes']) for run in runs)}"
        checks.append(middle("modes") >= row.modes)
    return (
        f"{row.name:<24} -ELBO {quality:8.4f} (<= {row.quality}), "
        f"evaluations {middle('evaluations'):,.0f} (<= {row.evaluations:,.0f}),\n"
        f"{'':<24} {middle('seconds'):.1f} s{limit}, "
        f"first chunk {middle('first_chunk_seconds'):.1f} s, "
        f"K {middle('components'):.0f}{modes}: {'met' if all(checks) else 'NOT MET'}"
    )


def main() -> None:
    """Runs the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [row.name for row in ROWS] + ["capacity"]
    parser.add_argument("--rows", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/end_to_end.json"))
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    by_name = {row.name: row for row in ROWS}
    if arguments.worker:
        name, *seed = arguments.worker
        figures = measure_run(by_name[name], int(seed[0])) if seed else measure_capacity()
        print(json.dumps(figures))
        return
    results = []
    for name in arguments.rows:
        if name == "capacity":
            figures = _in_own_process([name])
            results.append(figures)
            verdict = "met" if figures["ratio"] <= 1.15 else "NOT MET"
            print(
                f"{name:<24} {figures['milliseconds_64']:.1f} ms at 64, "
                f"{figures['milliseconds_1024']:.1f} ms at 1024, ratio "
                f"{figures['ratio']:.3f} (<= 1.15): {verdict}",
                flush=True,
            )
            continue
        runs = [_in_own_process([name, str(seed)]) for seed in arguments.seeds]
        results.extend(runs)
        print(_line(by_name[name], runs), flush=True)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"machine": machine, "runs": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
