"""Runs what a folder lacks of a suite, one process per run."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.methods import missing_packages
from benchmarks.run_record import read_record, write_record
from benchmarks.specification import Specification
from benchmarks.suites import SUITES, runs_of_suite

# Past its own limit a run may still compile, take its last step and evaluate its snapshots.
GRACE_SECONDS = 600.0


def in_own_process(specification: Specification, path: Path) -> None:
    """Makes a run in a process of its own, which writes the record."""
    command = [sys.executable, "-m", "benchmarks.worker", str(path)]
    limit = specification.max_seconds + GRACE_SECONDS
    text = json.dumps(specification.to_json())
    try:
        done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        write_record(path, specification, "failed", reason=f"stopped after {limit:.0f} s")
        return
    record = read_record(path)
    if record is None or record["specification"] != specification.to_json():
        lines = done.stderr.strip().splitlines() or ["no output"]
        reason = f"the process ended with {done.returncode}: {lines[-1]}"
        write_record(path, specification, "failed", reason=reason)


def is_done(specification: Specification, path: Path) -> bool:
    """Returns whether the folder has this very run, with the same settings, and it went well."""
    record = read_record(path)
    return (
        record is not None
        and record["status"] == "done"
        and record["specification"] == specification.to_json()
    )


def run_suite(
    specifications: list[Specification],
    folder: Path,
    make_run: Callable[[Specification, Path], None] = in_own_process,
) -> dict[str, int]:
    """Makes the runs of a suite that the folder lacks, and prints a line about each.

    Runs that were skipped or failed are tried again.

    Returns:
        How many runs there are of each outcome: "kept", "done", "skipped", "failed".
    """
    outcomes = {"kept": 0, "done": 0, "skipped": 0, "failed": 0}
    unavailable: dict[str, str] = {}  # a method that was skipped once is not tried on each target
    for number, specification in enumerate(specifications, 1):
        path = folder / specification.file_name
        where = f"[{number}/{len(specifications)}] {path.stem}"
        if is_done(specification, path):
            outcomes["kept"] += 1
            continue
        path.unlink(missing_ok=True)  # of other settings, or of a run that failed
        missing = missing_packages(specification.method)
        if missing:
            unavailable[specification.method] = f"not installed: {', '.join(missing)}"
        if specification.method in unavailable:
            reason = unavailable[specification.method]
            write_record(path, specification, "skipped", reason=reason)
        else:
            make_run(specification, path)
        record = read_record(path) or {"status": "failed", "reason": "no record"}
        status = record["status"]
        outcomes[status] += 1
        if status == "skipped":
            unavailable[specification.method] = record["reason"]
        said = f"-- {record['reason']}" if status != "done" else outcome_of(record)
        print(f"{where}: {status} {said}", flush=True)
    return outcomes


def outcome_of(record: dict) -> str:
    """Returns the ELBO and the cost of a run in a few words."""
    elbo, last = record["final"]["elbo"], record["rows"][-1]
    quality = "" if elbo is None else f"ELBO {elbo:.4f}, "
    return f"{quality}{last['evaluations']:,} evaluations, {last['seconds']:.1f} s"


def main(arguments: list[str]) -> int:
    """Runs a suite; returns 1 if a run failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks run", description=__doc__)
    parser.add_argument("suite", choices=list(SUITES))
    parser.add_argument("--seeds", type=int, default=1, help="how many (default: %(default)s)")
    parser.add_argument("--preset", choices=["small", "full"], default="small")
    parser.add_argument("--out", type=Path, metavar="DIR", help="(default: runs/SUITE)")
    parser.add_argument("--targets", nargs="+", metavar="NAME", help="only these of the suite's")
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="only these of the suite's")
    parser.add_argument("--list", action="store_true", help="print the runs and make none")
    given = parser.parse_args(arguments)
    if given.seeds < 1:
        parser.error(f"--seeds is {given.seeds}; give 1 or more.")
    specifications = runs_of_suite(given.suite, given.preset, given.seeds)
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
    outcomes = run_suite(specifications, given.out or Path("runs") / given.suite)
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    return 1 if outcomes["failed"] else 0
