"""What is checked of a hyperparameter that may be a number or a schedule."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.schedule import Schedule, Scheduled, as_schedule
from gmmvi_jax.requirements import (
    checked_setting,
    is_traced,
    require,
    require_not_negative,
    require_positive,
)


def as_checked_schedule(name: str, value: Any) -> Schedule:
    """Returns a setting as a schedule: a number, or a function of a count.

    Raises:
        ValueError: neither of them, or a number that is not finite.
    """
    return as_schedule(value if callable(value) else checked_setting(name, value, float))


def check_schedule(name: str, schedule: Any, count: int, positive: bool = True) -> None:
    """Raises ValueError where a value cannot be right; a function is called once.

    Args:
        name: of the setting.
        schedule: a number or a schedule.
        count: that a schedule is called with.
        positive: whether 0 is too little.
    """
    if not isinstance(schedule, Scheduled):
        (require_positive if positive else require_not_negative)(
            name, getattr(schedule, "value", schedule)
        )
        return
    try:
        value = schedule(jnp.asarray(count, jnp.int32))
    except Exception as error:
        raise ValueError(
            f"{name} must be a number or a function of a count; called with {count} it raised "
            f"{type(error).__name__}: {error}"
        ) from error
    if is_traced(value):
        return
    number = np.asarray(value)
    is_fit = number.shape == () and number.dtype.kind in "fiu" and math.isfinite(number)
    require(
        is_fit and (number > 0.0 if positive else number >= 0.0),
        f"{name} must be {'positive' if positive else 'not negative'} and finite at every count, "
        f"got {value!r} at {count}.",
    )
