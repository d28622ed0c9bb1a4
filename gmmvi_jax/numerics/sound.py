"""Which of some proposed Gaussians may be used, and the old ones in place of the others."""

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.gaussian import whitening_error
from gmmvi_jax.typing import Array

LARGEST_WHITENING_ERROR = 1.0  # standard deviations by which rounding may move a sample


def is_sound(gaussian: Gaussian) -> Array:
    """Returns whether ONE Gaussian is finite, and wide enough for its float type.

    A component that collapses, as iBLR's do on noisy gradients, would otherwise end in densities
    that are not finite, and take the whole mixture with it.
    """
    arrays = jax.tree.leaves(gaussian[:3])  # of degrees inf is sound
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in arrays]))
    return finite & (whitening_error(gaussian) < LARGEST_WHITENING_ERROR)


def where_gaussian(condition: Array, chosen: Gaussian, others: Gaussian) -> Gaussian:
    """Returns a block of Gaussians, from ``chosen`` where the condition [B] holds."""

    def choose(new: Array, old: Array) -> Array:
        return jnp.where(condition.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, chosen, others)
