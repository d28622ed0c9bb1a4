"""The importance weights of samples that estimate one component's natural gradient."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.densities import log_density
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import fold_blocks, put_block, take_block
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.typing import Array


def log_importance_weights(
    log_densities: Array, log_background: Array, is_own: Array | None
) -> Array:
    """Returns [..., C] the log weights of a chunk of samples under one component, or several.

    Args:
        log_densities: [..., C] log N(x | o).
        log_background: [C] log b(x) of what generated the samples; +inf is no weight.
        is_own: [..., C] bool, which samples the component drew itself, if it is to use no others:
            b is then its own density, and every weight 1 or 0. None: it shares all samples.
    """
    if is_own is None:
        return log_densities - log_background
    return jnp.where(is_own & (log_background < jnp.inf), 0.0, -jnp.inf).astype(log_densities.dtype)


def fill_in(log_background: Array, log_densities: Array) -> Array:
    """Returns [C] log b(x) where a sample counts, +inf where not.

    Args:
        log_background: [C] as the selector left it: 0, or +inf for no weight.
        log_densities: [C] of the samples' generating mixture.
    """
    return jnp.where(log_background < jnp.inf, log_densities, jnp.inf)


def with_background(mixture: PaddedMixture, batch: SampleBatch) -> SampleBatch:
    """Returns the batch with its ``log_background`` complete, in a pass of its own."""
    log_shares = batch.log_shares
    if log_shares is None:
        return batch

    def weigh(start: Array, log_background: Array) -> Array:
        points, previous = take_block((batch.points, log_background), start, batch.chunk_size)
        density = log_density(mixture, log_shares, points)
        return put_block(log_background, fill_in(previous, density), start)

    background = fold_blocks(batch.num_samples, batch.chunk_size, weigh, batch.log_background)
    return dataclasses.replace(batch, log_background=background)


def own_samples(batch: SampleBatch, row: Array, start: Array, block_size: int) -> Array:
    """Returns [B, C] which samples of a chunk each component of a block drew.

    Args:
        batch: drawn in this iteration, all of it.
        row: first row of the chunk.
        start: first component of the block.
        block_size: components B.
    """
    origins = take_block(batch.origins, row, batch.chunk_size)
    return origins[None, :] == start + jnp.arange(block_size, dtype=jnp.int32)[:, None]
