"""Ctrl-C during a run: the first one ends the run after the chunk, the second one at once."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import jax
import jax.experimental

Result = TypeVar("Result")
# Before 0.8 JAX had the context manager in jax.experimental.
_jax: Any = jax
_enable_x64 = _jax.enable_x64 if hasattr(jax, "enable_x64") else _jax.experimental.enable_x64

_SHORTEST_PAUSE, _LONGEST_PAUSE = 2e-4, 2e-2  # seconds
_PAUSE_SHARE = 0.02  # pause relative to the time waited so far, which bounds the overhead


class Interrupts:
    """Whether the user has requested the end of the run.

    Attributes:
        requested: whether a SIGINT was recorded.
    """

    def __init__(self) -> None:
        """Creates the record; until ``defer`` is called a SIGINT raises KeyboardInterrupt."""
        self.requested = False
        self._is_deferred = False
        self._was_raised = False

    def defer(self) -> None:
        """From now on a first SIGINT is recorded instead of raised, since chunks are running.

        Raises:
            KeyboardInterrupt: one was raised before and swallowed, as Python does with exceptions
                in callbacks from C++ and in finalizers, of which compilation has many.
        """
        if self._was_raised:
            raise KeyboardInterrupt
        self._is_deferred = True

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """Records the first SIGINT while chunks run; raises KeyboardInterrupt otherwise."""
        if self.requested or not self._is_deferred:
            self._was_raised = True
            signal.default_int_handler(signum, frame)
        self.requested = True
        sys.stderr.write(
            "\ninterrupted: the run ends after this chunk and returns its result so far; "
            "Ctrl-C again leaves at once\n"
        )


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Handles SIGINT while the block runs.

    Only in the main thread, and only in place of Python's default handler; a program's own handler
    stays.
    """
    interrupts = Interrupts()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for(result: Any) -> None:
    """Waits until a pytree of arrays is computed, in pauses that a signal can interrupt.

    ``jax.block_until_ready`` waits outside of Python, where no signal is handled.
    """
    start = time.perf_counter()
    for leaf in jax.tree.leaves(result):
        while not leaf.is_ready():
            waited = time.perf_counter() - start
            time.sleep(min(max(_PAUSE_SHARE * waited, _SHORTEST_PAUSE), _LONGEST_PAUSE))


def call_on_thread(function: Callable[[], Result]) -> Result:
    """Calls a function on another thread, while the main one waits and handles signals.

    For programs that call the host, which JAX completes before the call returns. A second Ctrl-C
    abandons the thread.
    """
    done = threading.Event()
    outcome: list[Any] = [None, None]
    is_double = bool(_jax.config.jax_enable_x64)  # a context manager sets it for one thread only

    def call() -> None:
        try:
            with _enable_x64(is_double):
                outcome[0] = function()
        except BaseException as error:
            outcome[1] = error
        done.set()

    threading.Thread(target=call, daemon=True).start()
    done.wait()
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]
