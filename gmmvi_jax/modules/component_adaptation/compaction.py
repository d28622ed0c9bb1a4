"""Removing components so that the remaining ones stay in the first slots, in their order."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.numerics.blocks import put_row, take_row
from gmmvi_jax.records import ComponentRecord
from gmmvi_jax.typing import Array


def keep_components(
    mixture: PaddedMixture, components: ComponentRecord, keep: Array
) -> tuple[PaddedMixture, ComponentRecord]:
    """Returns mixture and record with only the components of ``keep``, weights normalised.

    Only the components behind the first deleted one are moved, one by one and in place:
    usually none.

    Args:
        mixture: the mixture.
        components: its record; every field has K leading.
        keep: [K] bool, false for slots that are not active.
    """
    capacity = mixture.capacity
    num_kept = jnp.sum(keep, dtype=jnp.int32)
    slots = jnp.arange(capacity, dtype=jnp.int32)
    # sources[i]: which slot the i-th kept component is in now.
    destinations = jnp.where(keep, jnp.cumsum(keep, dtype=jnp.int32) - 1, capacity)
    sources = jnp.zeros_like(slots).at[destinations].set(slots, mode="drop")
    first_moved = jnp.min(jnp.where(mixture.active & ~keep, slots, num_kept))

    def move(slot: Array, arrays: tuple) -> tuple:
        source = take_row(sources, slot)  # never before slot: not overwritten by an earlier move
        return put_row(arrays, take_row(arrays, source), slot)

    arrays = (mixture.log_weights, mixture.gaussians, components)
    log_weights, gaussians, components = lax.fori_loop(first_moved, num_kept, move, arrays)
    log_weights = jnp.where(slots < num_kept, log_weights, -jnp.inf)
    any_deleted = num_kept < mixture.num_components
    normalised = log_weights - jax.scipy.special.logsumexp(log_weights)
    mixture = dataclasses.replace(
        mixture,
        log_weights=jnp.where(any_deleted, normalised, log_weights),
        gaussians=gaussians,
        num_components=num_kept,
    )
    return mixture, components
