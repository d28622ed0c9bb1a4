"""Rows of a results table: one published configuration, a few seeds, what is asked of it.

Every run is a process of its own, so that its seconds include compilation; the target's seed is
the run's. Run tables alone on the machine.
"""

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
        codename: of the variant.
        normalised: whether the quality is the distance of the ELBO from 0.
    """

    name: str
    target: str
    num_iterations: int
    quality: float
    evaluations: float
    seconds: float | None = None
    modes: int | None = None
    overrides: tuple[tuple[str, Any], ...] = ()
    codename: str = "SAMTRON"
    normalised: bool = False


def measure_run(row: Row, seed: int) -> dict[str, Any]:
    """Runs one row with one seed in this process and returns its figures."""
    start = time.perf_counter()
    import jax
    import numpy as np

    import gmmvi_jax as gmmvi

    target = gmmvi.targets.get(row.target, seed)
    config = gmmvi.published_config(
        row.codename,
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
        figures["modes"] = gmmvi.evaluation.detected_modes(result.gmm, np.asarray(modes))
    return figures


def in_own_process(module: str, arguments: list[str]) -> Any:
    """Runs ``python -m module --worker ...``, and returns the figures it prints."""
    command = [sys.executable, "-m", module, "--worker", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def verdict(row: Row, runs: list[dict[str, Any]]) -> str:
    """Returns the lines that set the medians against what is asked."""

    def middle(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    quality = middle("negative_elbo")
    measured = abs(quality) if row.normalised else quality
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


def write_results(path: Path, runs: list[dict[str, Any]]) -> None:
    """Writes the figures of all runs, and what they ran on, as JSON."""
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n")
