"""Removing components so that the remaining ones stay in the first slots, in their order."""

import dataclasses
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import put_row, take_row
from gmmvi_jax.numerics.log_sum import normalised
from gmmvi_jax.typing import Array

Tree = TypeVar("Tree")


def keep_components(
    mixture: PaddedMixture, remembered: Tree, keep: Array
) -> tuple[PaddedMixture, Tree]:
    """Returns mixture and memories with only the components of ``keep``, weights normalised.

    Of what is large per component, only what is behind the first deleted one is moved, component
    by component and in place: usually nothing.

    Args:
        mixture: the mixture.
        remembered: a pytree of what is remembered; its arrays have K leading, numbers stay.
        keep: [K] bool, false for slots that are not active.
    """
    capacity = mixture.capacity
    num_kept = jnp.sum(keep, dtype=jnp.int32)
    slots = jnp.arange(capacity, dtype=jnp.int32)
    # sources[i]: which slot the i-th kept component is in now.
    sources = jnp.argsort(~keep, stable=True).astype(jnp.int32)
    first_moved = jnp.min(jnp.where(mixture.active & ~keep, slots, num_kept))

    def move(slot: Array, arrays: list[Array]) -> list[Array]:
        source = take_row(sources, slot)  # never before slot: not overwritten by an earlier move
        return put_row(arrays, take_row(arrays, source), slot)

    arrays, structure = jax.tree.flatten((mixture.log_weights, mixture.gaussians, remembered))
    wide = [array for array in arrays if array.ndim > 1]
    moved = iter(lax.fori_loop(first_moved, num_kept, move, wide))
    # A number per component is not worth a loop: gathering all takes one kernel instead of two.
    arrays = [
        next(moved) if array.ndim > 1 else array[sources] if array.ndim else array
        for array in arrays
    ]
    log_weights, gaussians, remembered = jax.tree.unflatten(structure, arrays)
    log_weights = jnp.where(slots < num_kept, log_weights, -jnp.inf)
    any_deleted = num_kept < mixture.num_components
    mixture = dataclasses.replace(
        mixture,
        log_weights=jnp.where(any_deleted, normalised(log_weights), log_weights),
        gaussians=gaussians,
        num_components=num_kept,
    )
    return mixture, remembered
