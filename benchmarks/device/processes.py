"""Starts the processes that measure, and stops those whose time is over."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks.device.budget import Budget, Figures
from benchmarks.device.setting import HOST

REPOSITORY = Path(__file__).parents[2]
GRACE = 5.0  # seconds beyond its budget until a process is stopped: estimates are a little short


def figures_of_process(
    part: str, place: str, budget: Budget, tiny: bool, log: Path
) -> Iterator[Figures]:
    """Yields a part's lines while they come, and one more if the process did not end well.

    Args:
        part: name of what is measured.
        place: ``DEVICE`` or ``HOST``.
        budget: of the process; it is killed when that is over.
        tiny: sizes for a test.
        log: where the process's errors go.
    """
    command = [sys.executable, "-m", "benchmarks.device.worker", part, place]
    command += ["--until", str(budget.end), *(["--tiny"] if tiny else [])]
    environment = dict(os.environ)
    if place == HOST:
        environment["JAX_PLATFORMS"] = "cpu"
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=REPOSITORY,
        ) as process,
    ):
        timer = threading.Timer(max(0.0, budget.left()) + GRACE, process.kill)
        timer.start()
        try:
            for line in process.stdout or ():
                if line.startswith("{"):
                    yield json.loads(line)
            process.wait()
        finally:
            timer.cancel()
            process.kill()  # where the caller was interrupted; one that has ended does not mind
    if process.returncode and budget.left() < 0.0:
        yield {"skipped": "the rest: the process was stopped, its time was over"}
    elif process.returncode:
        said = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
        last = said[-1][:300] if said else "without a word"
        yield {"failed": f"the process ended with code {process.returncode}: {last}"}
