"""Tries all faults, each in a process of its own with a limit of time."""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.faults import of_disks, of_functions, of_processes

FAULTS = {
    fault.name: fault for part in (of_disks, of_functions, of_processes) for fault in part.FAULTS
}
_LONGEST = 600.0  # seconds


def try_fault(name: str) -> None:
    """Lets a fault happen in this process and prints what came of it."""
    # A shell starts jobs in the background deaf to SIGINT, and Python then leaves it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        print(FAULTS[name].happens(Path(directory)))


def measure_fault(name: str) -> dict[str, Any]:
    """Returns what comes of a fault, in a process of its own, and whether that is right."""
    code = f"from benchmarks.reliability.faults.measure import try_fault; try_fault({name!r})"
    start = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_LONGEST
        )
        is_right = done.returncode == 0
        lines = (done.stdout if is_right else done.stderr).strip().splitlines()
        happened = lines[-1] if lines else f"the process ended with {done.returncode}"
    except subprocess.TimeoutExpired:
        is_right, happened = False, f"nothing within {_LONGEST:g} seconds"
    return {
        "fault": name,
        "right": FAULTS[name].right,
        "happened": happened,
        "is_right": is_right,
        "seconds": time.monotonic() - start,
    }
