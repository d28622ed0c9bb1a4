"""The end-to-end table: quality and cost of published SAMTRON runs, and the price of capacity.

``python -m benchmarks.end_to_end [--rows NAME ...] [--seeds 0 1 2] [--out FILE]`` prints a
table and writes JSON; see ``benchmarks/table.py``.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.table import Row, in_own_process, measure_run, verdict, write_results

CAPACITIES = (64, 1024)
CAPACITY_COMPONENTS = 17
MODULE = "benchmarks.end_to_end"

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
    Row("gmm20", "gmm20", 430, 0.01, 1.3e6, modes=10, normalised=True),
    Row("planar_robot_4", "planar_robot_4", 81, 12.60, 1.07e6, seconds=60.0),
)


def measure_capacity() -> dict[str, Any]:
    """Times a step of breast_cancer with 17 components at each capacity, in this process."""
    import jax
    import jax.numpy as jnp

    import gmmvi_jax as gmmvi
    from gmmvi_jax.training.chunk import num_compilations, run_chunk

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
            figures = in_own_process(MODULE, [name])
            results.append(figures)
            outcome = "met" if figures["ratio"] <= 1.15 else "NOT MET"
            print(
                f"{name:<24} {figures['milliseconds_64']:.1f} ms at 64, "
                f"{figures['milliseconds_1024']:.1f} ms at 1024, ratio "
                f"{figures['ratio']:.3f} (<= 1.15): {outcome}",
                flush=True,
            )
            continue
        runs = [in_own_process(MODULE, [name, str(seed)]) for seed in arguments.seeds]
        results.extend(runs)
        print(verdict(by_name[name], runs), flush=True)
    write_results(arguments.out, results)


if __name__ == "__main__":
    main()
