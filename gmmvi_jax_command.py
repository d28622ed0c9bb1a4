"""The command ``gmmvi-jax``, which hears Ctrl-C while it imports JAX.

It stands beside the package, since whatever is in the package is imported after JAX, which takes
seconds.
"""

import os
import signal
from typing import Any, NoReturn

_INTERRUPTED = 130  # the shells' exit status after Ctrl-C


def run() -> NoReturn:
    """Runs the command line and exits the process."""
    # A handler of another kind, such as none in the background of a shell, stays.
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, _leave)
    from gmmvi_jax import cli

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.run()


def _leave(*_: Any) -> NoReturn:
    # Not by KeyboardInterrupt, which code in C that imports may take for an error of its own.
    os.write(2, b"gmmvi-jax: error: interrupted\n")
    os._exit(_INTERRUPTED)
