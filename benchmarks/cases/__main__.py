"""The table of cases: what users run into, what comes out, and what is right.

``python -m benchmarks.cases [--names NAME ...] [--seeds 0 ...] [--out FILE]`` runs every row in a
process of its own, prints it, and writes JSON.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cases.behaviour import check_behaviour
from benchmarks.cases.behaviours import BEHAVIOURS
from benchmarks.cases.cases import CASES
from benchmarks.cases.judge import judge
from benchmarks.cases.measure import measure_case
from benchmarks.cases.report import behaviour_lines, headline, row_lines, wrapped
from benchmarks.run_record import finite
from benchmarks.table import in_own_process, write_results

MODULE = "benchmarks.cases"
_USE = "use"  # in place of a variant, for the rows that are about behaviour


class _Run(NamedTuple):
    """A row that is run once."""

    name: str
    variant: str
    seed: int


def _runs(names: list[str], seeds: list[int]) -> Iterator[_Run]:
    for case in CASES:
        for variant in case.variants if case.name in names else ():
            yield from (_Run(case.name, variant, seed) for seed in seeds)
    for behaviour in BEHAVIOURS:
        if behaviour.name in names:
            yield _Run(behaviour.name, _USE, seeds[0])


def _measure(run: _Run) -> dict[str, Any]:
    """Returns the figures of a run, which takes place in this process."""
    if run.variant == _USE:
        (behaviour,) = (one for one in BEHAVIOURS if one.name == run.name)
        return check_behaviour(behaviour)
    return measure_case(_case(run), run.variant, run.seed)


def _case(run: _Run) -> Any:
    (case,) = (one for one in CASES if one.name == run.name and run.variant in one.variants)
    return case


def _last_error(text: str) -> str:
    """Returns the line of a traceback that names the error; notes may follow it."""
    named = re.findall(r"^[\w.]+(?:Error|Exception|Interrupt)\b.*", text, re.MULTILINE)
    return named[-1] if named else text[-200:]


def _report(run: _Run) -> dict[str, Any]:
    """Runs a row in a process of its own and prints it; returns its figures and the outcome."""
    try:
        figures = in_own_process(MODULE, [run.name, run.variant, str(run.seed)])
    except subprocess.CalledProcessError as error:
        reason = f"no result: {_last_error(error.stderr)}"
        lines = [headline(f"{run.name}  {run.variant}", False), *wrapped(reason)]
        figures = {"row": run.name, "variant": run.variant, "passed": False, "reason": reason}
    else:
        if run.variant == _USE:
            lines = [*behaviour_lines(figures)]
        else:
            judgement = judge(_case(run), figures)
            lines = [*row_lines(_case(run), figures, judgement)]
            figures |= judgement._asdict()
    print("\n".join(lines), flush=True)
    return figures


def main() -> None:
    """Runs the table."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    names = list(dict.fromkeys([row.name for row in (*CASES, *BEHAVIOURS)]))
    parser.add_argument("--names", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/cases.json"))
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        name, variant, seed = arguments.worker
        print(json.dumps(_measure(_Run(name, variant, int(seed)))))
        return
    results = []
    for run in _runs(arguments.names, arguments.seeds):
        results.append(_report(run))
        write_results(arguments.out, finite(results))
    num_passed = sum(figures["passed"] for figures in results)
    print(f"{num_passed} of {len(results)} pass")


if __name__ == "__main__":
    main()
