"""The improvement-based stepsize rule, shared by components (R) and weights (N)."""

import jax.numpy as jnp

from gmmvi_jax.typing import Array


def scale_by_improvement(
    stepsize: Array,
    improved: Array,
    lowest: Array | float,
    highest: Array | float,
    increase: Array | float,
    decrease: Array | float,
) -> Array:
    """Returns the stepsize times ``increase`` where there was improvement, else ``decrease``.

    Decreasing stops at ``lowest`` and increasing at ``highest``. A stepsize may start outside of
    these bounds; it is clipped only when it would move further away (docs/algorithm.md, "Modules 5
    and 7").
    """
    larger = jnp.minimum(stepsize * increase, highest)
    smaller = jnp.maximum(stepsize * decrease, lowest)
    return jnp.where(improved, larger, smaller)
