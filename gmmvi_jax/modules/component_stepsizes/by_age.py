"""Stepsizes that follow a schedule of each component's age."""

import jax
import jax.numpy as jnp

from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.schedule import Schedule
from gmmvi_jax.typing import Array


def stepsizes_by_age(schedule: Schedule, components: ComponentRecord) -> Array:
    """Returns [K] the schedule at every component's number of updates, rejected ones included."""
    dtype = components.stepsizes.dtype
    return jax.vmap(lambda age: jnp.asarray(schedule(age), dtype))(components.ages)
