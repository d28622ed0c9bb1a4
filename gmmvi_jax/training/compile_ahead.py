"""Compiling a program on another thread, while the main thread traces or compiles."""

import contextlib
import threading
from collections.abc import Callable

from jax.stages import Lowered


def compile_ahead(lowered: Lowered) -> Callable[[], None]:
    """Starts to compile; returns a function that waits until compilation has ended.

    JAX caches the program: a call of the jitted function with the same shapes finds it. Half of the
    compilation of a step runs on one core, so that a second, smaller program compiles on another
    core at almost no cost. Errors are ignored here, since the call raises them again.

    Args:
        lowered: ``function.lower(...)`` of a jitted function.
    """
    done = threading.Event()

    def compile_quietly() -> None:
        with contextlib.suppress(Exception):
            lowered.compile()
        done.set()

    # Not a daemon: Python would kill it inside of XLA's code, which aborts the process.
    threading.Thread(target=compile_quietly).start()

    def wait() -> None:
        done.wait()

    return wait
