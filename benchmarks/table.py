"""What the commands share: their options, a process per measurement, and the files of results."""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULTS = Path("benchmarks/results")
DIGITS = 8


def table_parser(command: str, doc: str | None, names: list[str]) -> argparse.ArgumentParser:
    """Returns the options of a command that measures rows: ``--names``, ``--out``, ``--worker``.

    Args:
        command: its name in ``python -m benchmarks``, and of its file of results.
        doc: what it does.
        names: of its rows; all are measured unless some are given.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {command}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--names",
        nargs="+",
        choices=names,
        default=names,
        metavar="NAME",
        help=f"some of {', '.join(names)}",
    )
    parser.add_argument("--out", type=Path, default=RESULTS / f"{command}.json")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    return parser


def in_own_process(
    command: str, arguments: list[str], environment: dict[str, str] | None = None
) -> Any:
    """Returns the JSON that ``python -m benchmarks COMMAND --worker ...`` prints last."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", command, "--worker", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | (environment or {}),
    )
    return json.loads(done.stdout.splitlines()[-1])


def plain(value: Any) -> Any:
    """Returns a value for JSON: floats of eight digits, None in place of NaN and infinities."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def write_results(path: Path, runs: list[dict[str, Any]]) -> None:
    """Writes what was measured, a line per run, and the machine, as JSON."""
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"  {json.dumps(plain(run), allow_nan=False)}" for run in runs)
    head = f'{{\n "machine": {json.dumps(machine)},\n "runs": [\n'
    path.write_text(f"{head}{lines}\n ]\n}}\n", encoding="utf-8")
