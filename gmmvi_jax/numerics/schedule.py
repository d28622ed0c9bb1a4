"""Hyperparameters that may change over the iterations."""

import dataclasses
from typing import Any, Protocol

import jax.core
import jax.numpy as jnp

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array


class Schedule(Protocol):
    """A hyperparameter as a function of the iteration; any ``optax`` schedule is one."""

    def __call__(self, count: Any, /) -> Any:
        """Returns the value at ``count`` [], int32; where it begins is said where it is used."""
        ...


@register_pytree
@dataclasses.dataclass(frozen=True)
class Constant:
    """The same value at every iteration; changing it does not recompile."""

    value: float | Array

    def __call__(self, count: Any, /) -> Any:
        """Returns the value."""
        del count
        return self.value


@register_pytree
@dataclasses.dataclass(frozen=True)
class Scheduled:
    """A function of the iteration; the function is part of the compiled program."""

    function: Schedule = dataclasses.field(metadata={"static": True})

    def __call__(self, count: Any, /) -> Any:
        """Returns the function's value at ``count``."""
        return self.function(count)


@register_pytree
@dataclasses.dataclass(frozen=True)
class InverseDecay:
    """initial / (1 + count^exponent), the decay of the published stepsizes D and G.

    With an exponent in (0.5, 1] the values sum to infinity and their squares do not (Robbins and
    Monro 1951). Source: Khan and Nielsen 2018; Arenz et al., TMLR 2023, Section 3.

    Attributes:
        initial: value at count 0.
        exponent: how fast it decays, not negative.
    """

    initial: float | Array
    exponent: float | Array

    def __call__(self, count: Array | int, /) -> Array:
        """Returns the value at ``count``."""
        return self.initial / (1.0 + jnp.asarray(count, float) ** self.exponent)


def as_schedule(value: float | Array | Schedule) -> Schedule:
    """Wraps a number as ``Constant`` and a function as ``Scheduled``."""
    if isinstance(value, Constant | Scheduled | InverseDecay):
        return value
    if callable(value):
        return Scheduled(value)
    return Constant(value if isinstance(value, jax.core.Tracer) else float(value))
