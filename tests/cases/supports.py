"""Densities with an edge: -inf on one side of it. Each takes ONE point [D]."""

import jax.numpy as jnp

from gmmvi_jax.typing import Array

_HALF_LOG_TAU = 0.9189385332046727  # log(2 pi) / 2


def box(x: Array) -> Array:
    """Uniform on (-1, 1)^D, not normalised."""
    return jnp.where(jnp.max(jnp.abs(x)) < 1.0, 0.0, -jnp.inf)


def half_exponential(x: Array) -> Array:
    """The exponential distribution in 1-D."""
    return jnp.where(x[0] > 0.0, -x[0], -jnp.inf)


def late_support(x: Array) -> Array:
    """exp(-x / 100) / (100 x) beyond 50 in 1-D: far from where one starts."""
    size = jnp.abs(x[0])
    return jnp.where(x[0] > 50.0, -x[0] / 100.0 - jnp.log(100.0 * size), -jnp.inf)


def ordered(x: Array) -> Array:
    """Three locations in ascending order with a standard normal prior, each observed at 0."""
    log_density = -jnp.sum(x**2) - 6.0 * _HALF_LOG_TAU
    return jnp.where(jnp.all(x[:-1] < x[1:]), log_density, -jnp.inf)
