"""Angles, and other numbers that start anew after a period."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.domains.standard_normal import sum_event
from gmmvi_jax.requirements import is_real_number
from gmmvi_jax.typing import Array

_WIDTH = 1.0 / 3.0  # of the weight of a winding, in periods
_MOST_WINDINGS = 3  # to either side: what is further away weighs less than 1e-12


@dataclasses.dataclass(frozen=True, repr=False)
class Periodic:
    """Every number is one modulo a period.

    Free is the real line, which winds around the circle. A place on the circle has many on the
    line, whose weights have the sum 1: N(x | c, s^2) / sum_k N(x + k P | c, s^2), with the period
    P, the middle c and s = P / 3. There is no edge: a mode at the cut has two copies, and the
    uniform density is nearly a Gaussian one. In ten coordinates with modes at the cut there are
    2^10 copies: begin the period where there is little mass.

    Attributes:
        low: where the values begin.
        high: where they end, one period later.
    """

    low: float
    high: float

    def __repr__(self) -> str:
        """Returns what makes it."""
        return f"periodic({self.low}, {self.high})"

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the same shape."""
        return shape

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns numbers of at least ``low`` and below ``high``."""
        del shape
        period = self.high - self.low
        value = free - period * jnp.floor((free - self.low) / period)
        return jnp.clip(
            value, self.low, jnp.nextafter(jnp.asarray(self.high, free.dtype), self.low)
        )

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the number itself, the heaviest of its places on the line."""
        del shape
        return jnp.asarray(value)

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns the log of the weights."""
        period = self.high - self.low
        windings = jnp.arange(-_MOST_WINDINGS, _MOST_WINDINGS + 1, dtype=free.dtype)
        distance = (free - 0.5 * (self.low + self.high)) / period  # in periods
        nearest = distance - jnp.round(distance)
        total = logsumexp(-0.5 * jnp.square((nearest[..., None] + windings) / _WIDTH), axis=-1)
        return sum_event(-0.5 * jnp.square(distance / _WIDTH) - total, shape)

    def contains(self, value: Any) -> bool:
        """Returns whether the numbers are within the period."""
        value = np.asarray(value, float)
        return bool(np.all((value >= self.low) & (value <= self.high)))


def periodic(low: float = -math.pi, high: float = math.pi) -> Periodic:
    """Returns the domain of numbers with a period, by default of angles.

    Args:
        low: where the values begin.
        high: where they end; the same place.

    Raises:
        ValueError: the period is not positive and finite.
    """
    if not (is_real_number(low) and is_real_number(high)):
        raise TypeError(f"periodic needs two numbers, low and high, got {low!r} and {high!r}.")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"periodic needs finite numbers, low below high, got {low} and {high}.")
    return Periodic(float(low), float(high))
