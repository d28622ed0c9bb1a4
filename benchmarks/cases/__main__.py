"""The table of cases: what users run into, what comes out, and what is right.

Every row runs in a process of its own, is printed, and goes into the file of results.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.table import in_own_process, table_parser, write_results
from tests.cases.behaviour import check_behaviour
from tests.cases.behaviours import BEHAVIOURS
from tests.cases.case import FIT, VARIANTS
from tests.cases.cases import CASES
from tests.cases.judge import judge
from tests.cases.measure import measure_case
from tests.cases.report import behaviour_lines, headline, row_lines, wrapped

_USE = "use"  # in place of a variant, for the rows that are about behaviour


class _Run(NamedTuple):
    """A row that is run once."""

    name: str
    way: str  # a variant, ``fit``, or how a behaviour is used
    seed: int


def _runs(names: list[str], ways: list[str], seeds: list[int]) -> Iterator[_Run]:
    for case in CASES:
        for way in case.ways if case.name in names else ():
            if way in ways:
                yield from (_Run(case.name, way, seed) for seed in seeds)
    for behaviour in BEHAVIOURS:
        if behaviour.name in names and _USE in ways:
            yield _Run(behaviour.name, _USE, seeds[0])


def _measure(run: _Run) -> dict[str, Any]:
    """Returns the figures of a run, which takes place in this process."""
    if run.way == _USE:
        (behaviour,) = (one for one in BEHAVIOURS if one.name == run.name)
        return check_behaviour(behaviour)
    return measure_case(_case(run), run.way, run.seed)


def _case(run: _Run) -> Any:
    (case,) = (one for one in CASES if one.name == run.name and run.way in one.ways)
    return case


def _last_error(text: str) -> str:
    """Returns the line of a traceback that names the error; notes may follow it."""
    named = re.findall(r"^[\w.]+(?:Error|Exception|Interrupt)\b.*", text, re.MULTILINE)
    return named[-1] if named else text[-200:]


def _report(run: _Run) -> dict[str, Any]:
    """Runs a row in a process of its own and prints it; returns its figures and the outcome."""
    try:
        figures = in_own_process("cases", [run.name, run.way, str(run.seed)])
    except subprocess.CalledProcessError as error:
        reason = f"no result: {_last_error(error.stderr)}"
        lines = [headline(f"{run.name}  {run.way}", False), *wrapped(reason)]
        figures = {"row": run.name, "variant": run.way, "passed": False, "reason": reason}
    else:
        if run.way == _USE:
            lines = [*behaviour_lines(figures)]
        else:
            judgement = judge(_case(run), figures)
            lines = [*row_lines(_case(run), figures, judgement)]
            figures |= judgement._asdict()
    print("\n".join(lines), flush=True)
    return figures


def main(arguments: list[str]) -> int:
    """Runs the table; returns 0, however many rows pass."""
    names = list(dict.fromkeys([row.name for row in (*CASES, *BEHAVIOURS)]))
    parser = table_parser("cases", __doc__, names)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    ways = (*VARIANTS, FIT, _USE)
    parser.add_argument("--ways", nargs="+", default=ways, choices=ways, metavar="WAY")
    given = parser.parse_args(arguments)
    if given.worker:
        name, way, seed = given.worker
        print(json.dumps(_measure(_Run(name, way, int(seed)))))
        return 0
    results = []
    for run in _runs(given.names, given.ways, given.seeds):
        results.append(_report(run))
        write_results(given.out, results)
    num_passed = sum(figures["passed"] for figures in results)
    print(f"{num_passed} of {len(results)} pass")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
