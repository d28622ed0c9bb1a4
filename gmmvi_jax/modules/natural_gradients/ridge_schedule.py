"""How strongly each component's regression is regularised (choice Z)."""

import jax.numpy as jnp

from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.typing import Array

HIGHEST_RAISED = 1e-6  # rejected updates do not raise a ridge factor beyond this


def next_ridge_factors(components: ComponentRecord, last: Array, initial: Array) -> Array:
    """Returns [K] the ridge factors of this iteration.

    Ten times the last one (up to 1e-6) after a rejected update, half of it (down to its initial
    value) after an accepted one.

    Args:
        components: the record before the component update.
        last: [K] the ridge factors of the last iteration, of any value at age 0.
        initial: at age 0.
    """
    raised = jnp.maximum(last, jnp.minimum(10.0 * last, HIGHEST_RAISED))
    lowered = jnp.maximum(0.5 * last, initial)
    changed = jnp.where(components.was_rejected, raised, lowered)
    return jnp.where(components.ages == 0, initial, changed)
