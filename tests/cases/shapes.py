"""Improper densities, and shapes that draws pass over. Each takes ONE point [D]."""

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from gmmvi_jax.typing import Array


def periodic(x: Array) -> Array:
    """The von Mises density of an angle in 1-D, on the whole line: improper."""
    return -8.0 * jnp.cos(x[0])


def softmax_free(x: Array) -> Array:
    """Dirichlet(2, 3, 4, 5) of a softmax in 4-D: flat along (1, 1, 1, 1)."""
    return jnp.dot(jnp.arange(2.0, 6.0), jax.nn.log_softmax(x))


def unbounded(x: Array) -> Array:
    """A density that grows without end."""
    return 0.5 * jnp.sum(x**2)


def spike(x: Array) -> Array:
    """A tenth of a standard normal, and the rest a hundred times narrower in the middle of it."""
    wide = jnp.sum(norm.logpdf(x)) + jnp.log(0.1)
    narrow = jnp.sum(norm.logpdf(x, scale=0.01)) + jnp.log(0.9)
    return jnp.logaddexp(wide, narrow)


def two_goals(x: Array) -> Array:
    """Minus the squared distance to the nearer of (1, 1) and (-1, -1)."""
    return jnp.maximum(-jnp.sum((x - 1.0) ** 2), -jnp.sum((x + 1.0) ** 2))


def _ring(x: Array, radius: float, width: float) -> Array:
    """A thin ring of mass 1 around 0: normal in the radius."""
    return norm.logpdf(jnp.sqrt(jnp.sum(x**2)), radius, width) - jnp.log(2.0 * jnp.pi * radius)


def diamond_ring(x: Array) -> Array:
    """A wide ring in 2-D and a tiny one on it, around (-1, 0), that weighs as much."""
    tiny = _ring(x + jnp.array([1.0, 0.0]), 0.05, 0.001)
    return jnp.logaddexp(_ring(x, 1.0, 0.01), tiny) - jnp.log(2.0)
