"""The standard normal distribution, in whose quantiles free coordinates are measured."""

import jax.numpy as jnp

from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.typing import Array


def log_normal_density(z: Array) -> Array:
    """Returns [...] log N(z | 0, 1) of each number."""
    return -0.5 * jnp.square(z) - 0.5 * LOG_TWO_PI


def sum_event(terms: Array, shape: Shape) -> Array:
    """Returns the sums over the last axes, as many as there are in ``shape``."""
    return jnp.sum(terms, axis=tuple(range(-len(shape), 0)))
