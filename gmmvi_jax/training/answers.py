"""What the user's callbacks and stopping rules may return."""

import inspect
from typing import Any

import jax
import numpy as np

from gmmvi_jax.requirements import shown
from gmmvi_jax.training.status import Ending, Status


def is_stop(answer: Any) -> bool:
    """Returns whether a callback that returned ``answer`` asks for the end of the run.

    Only a boolean does. Much else is true in Python, such as the text "go on".

    Raises:
        TypeError: it is neither a boolean nor None.
    """
    if answer is None:
        return False
    # Comparisons with the state give booleans in JAX's arrays.
    is_array = isinstance(answer, jax.Array | np.ndarray) and answer.ndim == 0
    if isinstance(answer, bool | np.bool_) or (is_array and answer.dtype == bool):
        return bool(answer)
    raise _refusal("a callback", answer, "True, which stops the run, or False or None")


def as_ending(answer: Any) -> Ending | None:
    """Returns what a stopping rule returned.

    Raises:
        TypeError: it is neither an Ending nor None.
    """
    if answer is None or (
        isinstance(answer, Ending)
        and isinstance(answer.status, Status)
        and isinstance(answer.reason, str)
        and isinstance(answer.error, Exception | None)
    ):
        return answer
    wanted = "an Ending, such as Ending(Status.STOPPED, 'good enough'), or None to go on"
    raise _refusal("a stopping rule (until)", answer, wanted)


def _refusal(who: str, answer: Any, wanted: str) -> TypeError:
    if not inspect.isawaitable(answer):
        return TypeError(f"{who} returned {shown(answer)}; it must return {wanted}.")
    if inspect.iscoroutine(answer):
        answer.close()  # else Python warns that nobody awaited it
    return TypeError(
        f"{who} returned {shown(answer)}, which nobody awaits: training is no coroutine. Make it a "
        f"plain function, with def instead of async def, which returns {wanted}."
    )
