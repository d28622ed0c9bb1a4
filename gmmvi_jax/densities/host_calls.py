"""The calls of a user's functions: in this process, or in another one that gets them by pickle."""

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from gmmvi_jax.densities.time_limit import within
from gmmvi_jax.typing import PyTree


class Calls(NamedTuple):
    """What is called, and how.

    Attributes:
        function: from points to log densities.
        gradient: from points to gradients; None if there is none.
        batched: whether both take many points; else one.
        timeout: seconds that one call of them may take; None for no limit.
        keeps_on: whether a call that raises leaves its points without results, instead of ending
            the run.
    """

    function: Callable[[Any], Any]
    gradient: Callable[[Any], Any] | None
    batched: bool
    timeout: float | None
    keeps_on: bool


class Returned(NamedTuple):
    """What the functions returned, not checked yet.

    Attributes:
        value: of the function.
        gradient: None if it was not asked for.
    """

    value: Any
    gradient: Any


class Failure:
    """What a call raised; it survives pickling, whatever the exception is.

    A pool that cannot unpickle an exception (its constructor wants more than one argument, say)
    would take its worker for dead.

    Attributes:
        error: the exception, or a RuntimeError with its type and message.
        name: of the function.
        remote: the traceback in the other process; empty in this one.
    """

    def __init__(self, error: Exception, name: str, remote: str = "") -> None:
        self.error = error
        self.name = name
        self.remote = remote

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickled = pickle.dumps(self.error)
        except Exception:
            pickled = b""
        text = f"{type(self.error).__name__}: {self.error}"
        remote = "".join(traceback.format_exception(self.error))
        return _unpickled_failure, (pickled, text, self.name, remote)


def _unpickled_failure(pickled: bytes, text: str, name: str, remote: str) -> Failure:
    try:
        error = pickle.loads(pickled)
    except Exception:
        error = RuntimeError(text)
    return Failure(error, name, remote)


Outcome = Returned | Failure


def call_all(calls: Calls, pieces: Sequence[PyTree], with_gradient: bool) -> Generator[Outcome]:
    """Calls the function, and the gradient, for one piece after another.

    Args:
        calls: what to call; unless it keeps on, a failure is the last outcome.
        pieces: the arguments, points [n, D] or one point [D].
        with_gradient: whether to call the gradient.
    """
    for piece in pieces:
        outcome = _call(calls, piece, with_gradient)
        yield outcome
        if isinstance(outcome, Failure) and not calls.keeps_on:
            return


def _call(calls: Calls, piece: PyTree, with_gradient: bool) -> Outcome:
    name = "function"
    try:
        value = within(calls.timeout, name, calls.function, piece)
        if not with_gradient:
            return Returned(value, None)
        assert calls.gradient is not None
        name = "gradient"
        return Returned(value, within(calls.timeout, name, calls.gradient, piece))
    except Exception as error:
        return Failure(error, name)


def job(calls: Calls, pieces: Sequence[PyTree], with_gradient: bool, process: int) -> list[Outcome]:
    """Returns the outcomes of ``call_all``: what a worker is asked for.

    Args:
        calls: what to call.
        pieces: its arguments.
        with_gradient: whether to call the gradient.
        process: the one that asks.
    """
    if os.getpid() != process:
        _leave_interrupts_to_the_run()
    return list(call_all(calls, pieces, with_gradient))


def _leave_interrupts_to_the_run() -> None:
    """Ignores Ctrl-C in a worker process, which a terminal sends to all processes.

    It ends the run after the chunk, which needs the workers until then.
    """
    is_main_thread = threading.current_thread() is threading.main_thread()
    if is_main_thread and multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
