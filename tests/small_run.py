"""A short run that tests of many files take part in: each process compiles it once."""

import jax
import jax.numpy as jnp

import gmmvi_jax as gmmvi

CONFIG = gmmvi.samtron(
    2,
    num_iterations=4,
    log_every=2,
    max_components=3,
    add_iters=3,
    desired_samples=20,
    diagnostic_samples=100,
    max_database_size=100,
    num_database_samples=50,
)


def gaussian(x: jax.Array) -> jax.Array:
    """A normal density around (1, 1), not normalised."""
    return -0.5 * jnp.sum((x - 1.0) ** 2)
