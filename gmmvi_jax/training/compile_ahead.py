"""Compiling a program on another thread, while the first one traces or compiles another."""

import contextlib
import threading
from collections.abc import Callable

from jax.stages import Lowered


def compile_ahead(lowered: Lowered) -> Callable[[], None]:
    """Starts to compile; returns a function that waits until that has ended.

    JAX keeps what was compiled: a call of the jitted function with the same shapes finds it. Half
    of the compilation of a step runs on one core; on two cores a second, smaller program costs
    next to nothing that way. An error is left to that call, which runs into it again.

    Args:
        lowered: ``function.lower(...)`` of a jitted function.
    """
    done = threading.Event()

    def compile_quietly() -> None:
        with contextlib.suppress(Exception):
            lowered.compile()
        done.set()

    # No daemon: Python would kill it in the middle of XLA's code, which aborts the process.
    threading.Thread(target=compile_quietly).start()

    def wait() -> None:
        done.wait()

    return wait
