"""Ctrl-C in chunk 5 and while a program compiles, in a process of its own."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..behaviour import Behaviour, Check

_AT_ONCE = 20.0  # seconds, on a busy machine
_PATIENCE = 300.0
# Steps that take long enough for a signal to come in the middle of a chunk.
_PROGRAM = """
import jax.numpy as jnp
import gmmvi_jax as gmmvi

def density(x):
    print("traced", flush=True)
    return -0.5 * jnp.sum(x**2)

def tell(state, row):
    print("chunk", flush=True)

config = gmmvi.samtron(2, num_iterations=4000, desired_samples=2000, max_components=30)
print("start", flush=True)
result = gmmvi.train(config, density, callbacks=tell)
print("end", result.status, len(result.history["iteration"]), flush=True)
"""

_TARGET = """
def density(x):
    print("traced", flush=True)
    return -0.5 * (x**2).sum()
"""


def _run(
    command: list[str], is_time: Callable[[str, int], bool], num_signals: int, delay: float
) -> tuple[int | None, str, float]:
    """Runs a command, and sends it SIGINT some time after a line of its output.

    Returns:
        Its exit status (None: it had to be killed), stdout and stderr, seconds after the signal.
    """
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:  # a progress bar's carriage returns end lines, too
        lines.append(line)
        if is_time(line, sum(one == line for one in lines)):
            break
    start = time.perf_counter()
    for _ in range(num_signals):
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
    try:
        rest, _ = process.communicate(timeout=_PATIENCE)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        rest, code = process.communicate()[0], None
    return code, "".join(lines) + rest, time.perf_counter() - start


def _in_chunk_five(line: str, count: int) -> bool:
    return line == "chunk\n" and count == 4


def _compiles(line: str, count: int) -> bool:
    return line == "traced\n" and count == 1


def _checks() -> Iterator[Check]:
    program = [sys.executable, "-c", _PROGRAM]
    code, out, seconds = _run(program, _in_chunk_five, 1, 0.05)
    last = out.splitlines()[-1:] or [""]
    yield Check(
        "in chunk 5: the chunk ends, and the result comes back with status interrupted",
        f"exit {code} after {seconds:.1f} s: {last[0]}",
        code == 0 and last[0] == "end interrupted 5",
    )
    told = "Ctrl-C again leaves at once" in out
    yield Check("it says what a second one does", str(told), told)
    for what, is_time, num_signals, delay in (
        ("twice: leaves at once", _in_chunk_five, 2, 0.05),
        ("while it compiles: leaves", _compiles, 1, 3.0),
    ):
        code, out, seconds = _run(program, is_time, num_signals, delay)
        left = "KeyboardInterrupt" in out and "end " not in out and seconds < delay + _AT_ONCE
        yield Check(what, f"exit {code} after {seconds:.1f} s", left)


def _command_line() -> Iterator[Check]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "target.py").write_text(_TARGET)
        main = "import sys; from gmmvi_jax.cli import main; sys.exit(main(sys.argv[1:]))"
        fit = ["fit", f"{folder}/target.py:density", "--dim", "2", "--iterations", "100000"]
        command = [sys.executable, "-c", main, *fit, "--out", str(folder / "run")]
        code, out, seconds = _run(command, lambda line, _: "100/100000" in line, 1, 0.05)
        files = sorted(path.name for path in (folder / "run").glob("*"))
    yield Check(
        "the command line writes its files",
        f"exit {code} after {seconds:.1f} s: {files}",
        {"gmm.npz", "history.csv", "config.json"} <= set(files),
    )
    told = "interrupted" in out
    yield Check("and says that it was interrupted", str(told), told)


ROWS = (
    Behaviour("interrupts", _checks),
    Behaviour("interrupted_command_line", _command_line),
)
