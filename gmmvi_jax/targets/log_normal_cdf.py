"""The log of the standard normal's distribution function, accurate far out in its lower tail."""

import math

import jax
import jax.numpy as jnp

from gmmvi_jax.typing import Array

# Boundary of the two formulas. Beyond it ten levels of the continued fraction give 16 digits.
_TAIL = -10.0
_LEVELS = 10


def log_normal_cdf(z: Array) -> Array:
    """Returns log Phi(z), elementwise, in the dtype of ``z``.

    ``jax.scipy.stats.norm.logcdf`` has the same values. Its derivative is the exponential of a
    difference of two numbers as large as z^2 / 2, which in float32 leaves two digits at z = -300,
    the violation of soft limits at the start of a run. Here the tail is
    -z^2 / 2 - log(sqrt(2 pi) t), t the continued fraction of the inverse Mills ratio (Abramowitz
    and Stegun 1964, 26.2.14), whose derivative is a sum without cancellation.
    """
    # Each formula is evaluated only where it is valid: a NaN in the other branch would pass through
    # the derivative of `where`.
    is_far = z < _TAIL
    near = jnp.where(is_far, 0, z)
    upper = near > 0
    tail = 0.5 * jax.lax.erfc(jnp.where(upper, near, -near) / math.sqrt(2))
    near_value = jnp.where(upper, jnp.log1p(-tail), jnp.log(jnp.where(upper, 1, tail)))

    far = jnp.where(is_far, -z, -_TAIL)
    ratio = far
    for level in range(_LEVELS, 0, -1):
        ratio = far + level / ratio
    far_value = -0.5 * far**2 - jnp.log(ratio) - 0.5 * math.log(2 * math.pi)
    return jnp.where(is_far, far_value, near_value)
