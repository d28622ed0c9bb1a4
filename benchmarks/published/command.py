"""Runs variants with published settings: ELBO, evaluations and seconds, set against goals.

Each run is a process of its own, so that its seconds include importing and compilation. The ELBO is
from 40,000 fresh samples of the mixture at the milestone. Run it alone on the machine.
"""

import json
import statistics
from typing import Any

from benchmarks.published.measure import measure_row
from benchmarks.published.rows import ROWS, Milestone, Row
from benchmarks.table import in_own_process, table_parser, write_results

COMMON = {
    *("row", "seed", "iteration", "negative_elbo", "standard_error", "evaluations"),
    *("components", "seconds", "import_seconds", "first_chunk_seconds", "rejected_updates"),
}


def verdict(row: Row, milestone: Milestone, runs: list[dict[str, Any]]) -> str:
    """Returns the lines that set the medians over the seeds against the goals of a milestone."""

    def middle(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    quality = abs(middle("negative_elbo")) if row.is_normalised else middle("negative_elbo")
    measured = (
        ("-ELBO", quality, milestone.quality, ".4f"),
        ("evaluations", middle("evaluations"), milestone.evaluations, ",.0f"),
        ("seconds", middle("seconds"), milestone.seconds, ".1f"),
    )
    checks, parts = [], []
    for name, value, goal, pattern in measured:
        part = f"{name} {value:{pattern}}"
        if goal is not None:
            checks.append(value <= goal)
            part += f" (<= {goal:,.6g})"
        parts.append(part)
    if milestone.modes is not None:
        checks.append(middle("modes") >= milestone.modes)
    outcome = "" if not checks else ": met" if all(checks) else ": NOT MET"
    own = "".join(
        f", {name} {'/'.join(f'{run[name]:g}' for run in runs)}"
        for name in runs[0]
        if name not in COMMON
    )
    return (
        f"{row.name}, iteration {milestone.iteration}: {', '.join(parts)}{outcome}\n"
        f"    K {middle('components'):.0f}, first chunk {middle('first_chunk_seconds'):.1f} s{own}"
    )


def main(arguments: list[str]) -> None:
    """Runs the table."""
    by_name = {row.name: row for row in ROWS}
    parser = table_parser("published", __doc__, list(by_name))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args(arguments)
    if given.worker:
        name, seed = given.worker
        print(json.dumps(measure_row(by_name[name], int(seed))))
        return
    results: list[dict[str, Any]] = []
    for name in given.names:
        runs = [in_own_process("published", [name, str(seed)]) for seed in given.seeds]
        for index, milestone in enumerate(by_name[name].milestones):
            print(verdict(by_name[name], milestone, [run[index] for run in runs]), flush=True)
        results.extend(figures for run in runs for figures in run)
        write_results(given.out, results)
