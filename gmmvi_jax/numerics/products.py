"""The precision of every matrix product.

On recent GPUs and TPUs the default rounds the factors of a float32 product to 10 or 8 bits of
mantissa, which is too coarse for Cholesky factors, whitened samples and natural gradients. A CPU
always computes in full precision.
"""

import jax
import jax.numpy as jnp

from gmmvi_jax.typing import Array

PRECISION = jax.lax.Precision.HIGHEST


def product(left: Array, right: Array) -> Array:
    """Returns left @ right in full precision."""
    return jnp.matmul(left, right, precision=PRECISION)
