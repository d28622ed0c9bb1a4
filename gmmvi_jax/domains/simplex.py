"""Vectors of positive numbers with the sum 1."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtri

from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.domains.standard_normal import log_normal_density, sum_event
from gmmvi_jax.typing import Array

_TOLERANCE = 1e-4  # of the sum of a user's value, in float32


@dataclasses.dataclass(frozen=True, repr=False)
class Simplex:
    """The last axis holds K positive numbers with the sum 1.

    A stick of length 1 is broken K - 1 times. Under the uniform density a break takes a share v of
    what is left with P(v > t) = (1 - t)^n, n pieces being left over; the free coordinate z has
    Phi(z) = P(v <= t), so that the uniform density is a standard normal one. Densities on the
    simplex are those of the first K - 1 numbers.
    """

    def __repr__(self) -> str:
        """Returns its name."""
        return "simplex"

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the shape with K - 1 in place of K."""
        if not shape or shape[-1] < 2:
            raise ValueError(f"a simplex needs two numbers or more, its leaf has shape {shape}.")
        return (*shape[:-1], shape[-1] - 1)

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns positive numbers with the sum 1."""
        log_rest = log_ndtr(-free) / self._pieces(shape[-1], free.dtype)
        log_taken = _log1mexp(log_rest)
        log_left = jnp.cumsum(log_rest, axis=-1)
        before = jnp.concatenate([jnp.zeros_like(log_left[..., :1]), log_left[..., :-1]], axis=-1)
        logs = jnp.concatenate([before + log_taken, log_left[..., -1:]], axis=-1)
        return jnp.maximum(jnp.exp(logs), jnp.finfo(free.dtype).tiny)

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the free coordinates of positive numbers with the sum 1."""
        del shape
        value = jnp.asarray(value)
        left = jnp.flip(
            jnp.cumsum(jnp.flip(value, -1), axis=-1), -1
        )  # of the stick, before a break
        log_rest = jnp.log(left[..., 1:]) - jnp.log(left[..., :-1])
        log_above = log_rest * self._pieces(value.shape[-1], value.dtype)
        below = -jnp.expm1(log_above)
        return jnp.where(below < 0.5, ndtri(below), -ndtri(jnp.exp(log_above)))

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns the log of the Jacobian determinant; Gamma(K) is the uniform density."""
        log_uniform = math.prod(shape[:-1]) * math.lgamma(shape[-1])
        return sum_event(log_normal_density(free), shape) - log_uniform

    def contains(self, value: Any) -> bool:
        """Returns whether all numbers are positive and the sums 1."""
        value = np.asarray(value, float)
        sums = np.sum(value, axis=-1)
        return bool(np.all(value > 0.0) and np.all(np.abs(sums - 1.0) < _TOLERANCE))

    def _pieces(self, count: int, dtype: Any) -> Array:
        """Returns [K - 1] how many pieces are left over after each break."""
        return jnp.arange(count - 1, 0, -1, dtype=dtype)


def _log1mexp(x: Array) -> Array:
    """Returns log(1 - exp(x)) of numbers below 0; its gradient is finite at 0, too."""
    x = jnp.minimum(x, -jnp.finfo(x.dtype).tiny)
    is_small = x > -math.log(2.0)
    small, large = jnp.where(is_small, x, -1.0), jnp.where(is_small, -1.0, x)
    return jnp.where(is_small, jnp.log(-jnp.expm1(small)), jnp.log1p(-jnp.exp(large)))


simplex = Simplex()
