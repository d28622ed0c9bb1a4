"""The Gaussians that generated the samples in use, and the densities those have under them.

Samples of earlier iterations can be reused if it is known what generated them: the balance
heuristic weighs a sample by the density of the mixture of all the Gaussians that generated the
samples in use, as they were then. What is new in an iteration are a few samples and a few
Gaussians, so the matrix of log densities is kept: new samples add columns, new Gaussians rows, and
what leaves is dropped. Recomputing it would cost more than everything else together.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import fold_blocks, put_block, take_block
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.log_sum import LogSum, add_terms, empty_log_sum
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.window_size import MixtureShape
from gmmvi_jax.typing import Array

SUM_BLOCK = 32  # Gaussians per block where their densities are only summed or moved


@register_pytree
@dataclasses.dataclass(frozen=True)
class ReuseWindow:
    """What generated the samples of a batch, in the order of its rows.

    Row by row the samples of one Gaussian lie behind those of the one before it. Behind the
    Gaussians that drew them stand those that are to draw next, if they are known by now.
    """

    gaussians: Gaussian  # stacked, J leading, as they were when they drew
    row_counts: Array  # [J] int32 samples in the batch that each drew
    usable_counts: Array  # [J] int32 those of them that are usable
    log_densities: Array  # [J, N] log N(x_n | theta_j)
    num_gaussians: Array  # [] int32, live Gaussians
    num_pending: Array  # [] int32, how many of them, the newest, have not drawn yet
    max_gaussians: int = dataclasses.field(metadata={"static": True})

    @property
    def num_drawn(self) -> Array:
        """[] int32, how many of the live Gaussians drew samples of the batch: the oldest."""
        return self.num_gaussians - self.num_pending


def empty_window(
    max_gaussians: int, num_rows: int, block_size: int, shape: MixtureShape, dtype: jnp.dtype
) -> ReuseWindow:
    """Returns a window without Gaussians.

    Args:
        max_gaussians: how many there can ever be.
        num_rows: rows of the batch's buffers.
        block_size: of the mixture.
        shape: of the mixture.
        dtype: of its floats.
    """
    # Blocks of Gaussians are written and read from anywhere: one more than needed.
    capacity = max_gaussians + max(block_size, SUM_BLOCK)
    dim = shape.dim
    factors, inverses = jax.tree.map(
        lambda root: jnp.broadcast_to(root, (capacity, *root.shape)),
        shape.form.isotropic(dim, jnp.ones((), dtype)),
    )
    degrees = jnp.ones(capacity, dtype) if shape.has_degrees else None
    return ReuseWindow(
        gaussians=Gaussian(jnp.zeros((capacity, dim), dtype), factors, inverses, degrees),
        row_counts=jnp.zeros(capacity, jnp.int32),
        usable_counts=jnp.zeros(capacity, jnp.int32),
        log_densities=jnp.zeros((capacity, num_rows), dtype),
        num_gaussians=jnp.zeros((), jnp.int32),
        num_pending=jnp.zeros((), jnp.int32),
        max_gaussians=max_gaussians,
    )


def newest_log_densities(
    window: ReuseWindow, mixture: PaddedMixture, start: Array, row: Array, size: int
) -> Array:
    """Returns [B, C] log N(x | o) of a block of the mixture's components and a chunk of rows.

    Args:
        window: its newest Gaussians are the mixture's.
        mixture: as those are now.
        start: first component of the block.
        row: first row of the chunk.
        size: rows C.
    """
    first = window.num_gaussians - mixture.num_components
    shape = (mixture.block_size, size)
    return lax.dynamic_slice(
        window.log_densities, (first + start, row), shape, allow_negative_indices=False
    )


def window_background(window: ReuseWindow, batch: SampleBatch, buffer: Array) -> Array:
    """Returns [N] log b(x): all Gaussians, weighted by the usable samples they drew.

    Args:
        window: that generated the batch.
        batch: the samples.
        buffer: [N], overwritten in the chunks that hold samples.
    """
    live = jnp.arange(window.usable_counts.shape[0], dtype=jnp.int32) < window.num_gaussians
    dtype = batch.log_target.dtype
    shares = jnp.where(live, window.usable_counts, 0).astype(dtype)
    log_shares = jnp.log(shares / jnp.maximum(batch.num_usable, 1))
    size = batch.chunk_size

    def weigh(row: Array, background: Array) -> Array:
        def add_block(start: Array, log_sum: LogSum) -> LogSum:
            terms = lax.dynamic_slice(
                window.log_densities, (start, row), (SUM_BLOCK, size), allow_negative_indices=False
            )
            block_shares = take_block(log_shares, start, SUM_BLOCK)[:, None]
            # What lies behind the last Gaussian means nothing, and may be anything.
            terms = jnp.where(block_shares > -jnp.inf, terms + block_shares, -jnp.inf)
            return add_terms(log_sum, terms)[0]

        empty = empty_log_sum(size, dtype)
        log_sum = fold_blocks(window.num_gaussians, SUM_BLOCK, add_block, empty)
        return put_block(background, log_sum.log(), row)

    return fold_blocks(batch.num_samples, size, weigh, buffer)
