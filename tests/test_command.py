"""The command of the shell, around the command line of ``test_cli``."""

import subprocess
import sys

PROGRAM = """
import signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # in a background shell there is none

class Interrupts:
    def find_spec(self, name, *_):
        if name == "jax":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from gmmvi_jax_command import run

run()
"""


def test_an_interrupt_during_the_imports_leaves_no_traceback():
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == (b"", b"gmmvi-jax: error: interrupted\n")
    assert ended.returncode == 130
