"""Numbers between two bounds, one of which or both may be infinite."""

import dataclasses
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from numpy.typing import ArrayLike

from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.domains.standard_normal import log_normal_density, sum_event
from gmmvi_jax.domains.static import as_tuples
from gmmvi_jax.requirements import require_host_array
from gmmvi_jax.typing import Array

_NONE, _LOW, _HIGH, _BOTH = range(4)  # which of the bounds are finite
_Bound: TypeAlias = "float | tuple[_Bound, ...]"


@dataclasses.dataclass(frozen=True, repr=False)
class Bounded:
    """Every number of an array lies between two bounds; made by ``interval`` and its like.

    With two bounds the free coordinate is z with x = low + (high - low) Phi(z), so that a uniform
    density is a standard normal one; with one it is the logarithm of the distance to it.

    Attributes:
        low: -inf for none; a number, or nested tuples of the value's shape.
        high: +inf for none.
    """

    low: _Bound = -np.inf
    high: _Bound = np.inf

    def __repr__(self) -> str:
        """Returns what makes it: ``positive``, ``interval(0.0, 1.0)``."""
        has_low, has_high = (np.any(np.isfinite(bound)) for bound in (self.low, self.high))
        if has_low and has_high:
            return f"interval({self.low}, {self.high})"
        if has_low:
            return "positive" if self.low == 0.0 else f"lower({self.low})"
        return f"upper({self.high})" if has_high else "real"

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the same shape."""
        for name, bound in (("low", self.low), ("high", self.high)):
            if np.shape(bound) not in ((), shape):
                raise ValueError(
                    f"a domain's bound {name} has shape {np.shape(bound)}, its leaf {shape}; give "
                    f"a number or one for each."
                )
        return shape

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns numbers strictly between the bounds."""
        del shape
        low, high, kind = self._bounds(free.dtype)
        # What is not selected must not overflow: its gradient would be 0 times inf.
        largest = float(np.log(jnp.finfo(free.dtype).max)) - 1.0
        log_distance = jnp.minimum(_only(_is_half(kind), free), largest)
        z = _only(kind == _BOTH, free)
        width = jnp.where(kind == _BOTH, high - low, 0.0)
        from_low = jnp.where(kind == _BOTH, width * ndtr(z), jnp.exp(log_distance))
        from_high = jnp.where(kind == _BOTH, width * ndtr(-z), jnp.exp(log_distance))
        near_low = (kind == _LOW) | ((kind == _BOTH) & (free < 0.0))
        value = jnp.where(near_low, _finite_or_0(low) + from_low, _finite_or_0(high) - from_high)
        value = jnp.where(kind == _NONE, free, value)
        return jnp.clip(value, *_inside(low, high, free.dtype))

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the free coordinates of numbers strictly between the bounds."""
        del shape
        value = jnp.asarray(value)
        low, high, kind = self._bounds(value.dtype)
        below, above = value - _finite_or_0(low), _finite_or_0(high) - value
        distance = jnp.where(_is_half(kind), jnp.where(kind == _LOW, below, above), 1.0)
        width = jnp.where(kind == _BOTH, high - low, 1.0)
        is_low = below <= above
        low_share = jnp.where((kind == _BOTH) & is_low, below / width, 0.5)
        high_share = jnp.where((kind == _BOTH) & ~is_low, above / width, 0.5)
        by_probit = ndtri(low_share) - ndtri(high_share)  # the quantile of one half is 0
        free = jnp.where(kind == _BOTH, by_probit, jnp.log(distance))
        return jnp.where(kind == _NONE, value, free)

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns the sum of the logs of the derivatives."""
        low, high, kind = self._bounds(free.dtype)
        log_width = jnp.log(jnp.where(kind == _BOTH, high - low, 1.0))
        terms = jnp.where(kind == _BOTH, log_width + log_normal_density(free), free)
        return sum_event(jnp.where(kind == _NONE, 0.0, terms), shape)

    def contains(self, value: Any) -> bool:
        """Returns whether all numbers are strictly between the bounds."""
        value = np.asarray(value, float)
        return bool(np.all((value > np.asarray(self.low)) & (value < np.asarray(self.high))))

    def _bounds(self, dtype: Any) -> tuple[Array, Array, Array]:
        """Returns the bounds, and which of them are finite."""
        low, high = np.asarray(self.low, float), np.asarray(self.high, float)
        kind = np.isfinite(low) + 2 * np.isfinite(high)
        return jnp.asarray(low, dtype), jnp.asarray(high, dtype), jnp.asarray(kind)


def _is_half(kind: Array) -> Array:
    return (kind == _LOW) | (kind == _HIGH)


def _only(mask: Array, values: Array) -> Array:
    return jnp.where(mask, values, 0.0)


def _finite_or_0(bound: Array) -> Array:
    return jnp.where(jnp.isfinite(bound), bound, 0.0)


def _inside(low: Array, high: Array, dtype: Any) -> tuple[Array, Array]:
    """Returns the outermost numbers that are between the bounds, no denormal ones."""
    limits = jnp.finfo(dtype)
    least = jnp.where(low == 0.0, limits.tiny, jnp.nextafter(low, high))
    most = jnp.where(high == 0.0, -limits.tiny, jnp.nextafter(high, low))
    return jnp.maximum(least, limits.min), jnp.minimum(most, limits.max)


def interval(low: ArrayLike, high: ArrayLike) -> Bounded:
    """Returns the domain of numbers between two bounds.

    Args:
        low: a number, or an array of the shape of the value.
        high: likewise, above ``low``.

    Raises:
        ValueError: there is nothing between them, or one is not finite.
    """
    lows, highs = require_host_array("low", low), require_host_array("high", high)
    if not np.all(np.isfinite(lows) & np.isfinite(highs)) or not np.all(lows < highs):
        raise ValueError(
            f"interval needs finite bounds, low below high, got {low} and {high}; "
            f"domains.lower and domains.upper have one."
        )
    return Bounded(as_tuples(lows.astype(float)), as_tuples(highs.astype(float)))


def lower(bound: ArrayLike) -> Bounded:
    """Returns the domain of numbers above a bound, a number or an array."""
    return Bounded(low=_finite("lower", bound))


def upper(bound: ArrayLike) -> Bounded:
    """Returns the domain of numbers below a bound, a number or an array."""
    return Bounded(high=_finite("upper", bound))


def _finite(name: str, bound: ArrayLike) -> _Bound:
    bounds = require_host_array("bound", bound)
    if not np.all(np.isfinite(bounds)):
        raise ValueError(f"{name} needs a finite bound, got {bound}.")
    return as_tuples(bounds.astype(float))


real = Bounded()
positive = Bounded(low=0.0)
