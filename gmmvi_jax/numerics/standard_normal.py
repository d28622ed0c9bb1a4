"""Standard normal noise, drawn so that it compiles quickly."""

import math

import jax
import jax.numpy as jnp

from gmmvi_jax.typing import Array, PRNGKey

LOG_TWO_PI = math.log(2.0 * math.pi)


def standard_normal_rows(key: PRNGKey, num_rows: int, dim: int, dtype: jnp.dtype) -> Array:
    """Returns [N, D] the same numbers as ``jax.random.normal`` for that shape.

    Drawn as one row: XLA's CPU compiler unrolls the generator over a short last axis, which takes
    a third of a second longer to compile and runs slower.

    Args:
        key: a PRNG key.
        num_rows: N.
        dim: D.
        dtype: of floats.
    """
    return jax.random.normal(key, (num_rows * dim,), dtype).reshape(num_rows, dim)
