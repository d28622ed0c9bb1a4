"""``python -m benchmarks run SUITE``, ``... report DIR`` and ``... speed [--vs-reference]``."""

import argparse
import sys
from pathlib import Path

from benchmarks.report import write_report
from benchmarks.runner import run_suite
from benchmarks.speed.paired import compare_all
from benchmarks.speed.workloads import BY_TARGET
from benchmarks.suites import SUITES


def main(arguments: list[str] | None = None) -> int:
    """Runs a suite or writes its report; returns 1 if a run failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run what the folder lacks of a suite")
    run.add_argument("suite", choices=list(SUITES))
    run.add_argument("--seeds", type=int, default=1, help="how many (default: %(default)s)")
    run.add_argument("--preset", choices=["small", "full"], default="small")
    run.add_argument("--out", type=Path, required=True, metavar="DIR")
    run.add_argument("--targets", nargs="+", metavar="NAME", help="only these of the suite's")
    run.add_argument("--labels", nargs="+", metavar="LABEL", help="only these of the suite's")
    run.add_argument("--list", action="store_true", help="print the runs and make none")
    report = commands.add_parser("report", help="tables and figures of the runs of a folder")
    report.add_argument("folder", type=Path, metavar="DIR")
    speed = commands.add_parser("speed", help="time of a step at a fixed number of components")
    speed.add_argument("--vs-reference", action="store_true", help="beside the published code's")
    speed.add_argument("--targets", nargs="+", choices=list(BY_TARGET), metavar="NAME")
    speed.add_argument("--rounds", type=int, default=3)
    speed.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.json"))
    given = parser.parse_args(arguments)
    if given.command == "speed":
        compare_all(given.targets, given.rounds, given.vs_reference, given.out)
        return 0
    if given.command == "report":
        print(write_report(given.folder))
        return 0
    if given.seeds < 1:
        parser.error(f"--seeds is {given.seeds}; give 1 or more.")
    specifications = SUITES[given.suite](given.preset, given.seeds)
    for name in ("targets", "labels"):
        wanted = getattr(given, name)
        if wanted:
            known = sorted({getattr(specification, name[:-1]) for specification in specifications})
            if unknown := sorted(set(wanted) - set(known)):
                parser.error(f"--{name} {unknown[0]} is none of {', '.join(known)}.")
            specifications = [s for s in specifications if getattr(s, name[:-1]) in wanted]
    if given.list:
        print("\n".join(specification.file_name for specification in specifications))
        return 0
    outcomes = run_suite(specifications, given.out)
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    return 1 if outcomes["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
