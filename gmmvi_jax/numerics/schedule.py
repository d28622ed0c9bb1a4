"""Hyperparameters that may change over the iterations."""

import dataclasses
from typing import Protocol

import jax.core

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array


class Schedule(Protocol):
    """A hyperparameter as a function of the iteration; any ``optax`` schedule is one."""

    def __call__(self, iteration: Array | int, /) -> Array | float:
        """Returns the value at ``iteration`` (int32, counted from 1)."""
        ...


@register_pytree
@dataclasses.dataclass(frozen=True)
class Constant:
    """The same value at every iteration; changing it does not recompile."""

    value: float

    def __call__(self, iteration: Array | int, /) -> Array | float:
        """Returns the value."""
        del iteration
        return self.value


@register_pytree
@dataclasses.dataclass(frozen=True)
class Scheduled:
    """A function of the iteration; the function is part of the compiled program."""

    function: Schedule = dataclasses.field(metadata={"static": True})

    def __call__(self, iteration: Array | int, /) -> Array | float:
        """Returns the function's value at ``iteration``."""
        return self.function(iteration)


def as_schedule(value: float | Schedule) -> Schedule:
    """Wraps a number as ``Constant`` and a function as ``Scheduled``."""
    if isinstance(value, Constant | Scheduled):
        return value
    if callable(value):
        return Scheduled(value)
    return Constant(value if isinstance(value, jax.core.Tracer) else float(value))
