"""The samples of a regression: rewards, densities, weights, and those that have weight."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import (
    fold_blocks,
    live_rows,
    put_block,
    put_row,
    round_up,
    take_block,
)
from gmmvi_jax.numerics.devices import fold_own_blocks, merged_rows
from gmmvi_jax.numerics.forms.choice import is_diagonal
from gmmvi_jax.numerics.forms.record import Gaussian, centre_points
from gmmvi_jax.numerics.gaussian import block_log_densities, whiten, whiten_block
from gmmvi_jax.numerics.quadratic_features import Quadratic, feature_sum
from gmmvi_jax.numerics.ridge_regression import Chunk
from gmmvi_jax.numerics.row_selection import SelectedRows
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.importance_weights import log_importance_weights
from gmmvi_jax.typing import Array, PyTree


class RegressionSamples(NamedTuple):
    """The samples that the regressions of all components use."""

    batch: SampleBatch
    log_background: Array  # [N] log b(x)
    rewards: Array  # [N] r(x)
    centre: Array  # [D], see ``centre_points``


def compute_rewards(mixture: PaddedMixture, database: SampleDatabase, temperature: Array) -> Array:
    """Returns [N] r(x) = log p~(x) - beta log q(x), 0 in the chunks without samples."""
    batch, densities = database.batch, database.densities

    def fill(row: Array, carry: tuple[Array, PyTree]) -> tuple[Array, PyTree]:
        rewards, scratch = carry
        chunk, scratch = densities.chunk(mixture, batch, row, scratch)
        log_target = take_block(batch.log_target, row, batch.visit_size)
        return put_block(rewards, log_target - temperature * chunk.log_mixture, row), scratch

    nothing = jnp.zeros_like(batch.log_target)
    size, initial = batch.visit_size, (nothing, densities.scratch(mixture, batch))
    rewards, _ = fold_own_blocks(batch.num_samples, size, fill, initial)
    return merged_rows(nothing, rewards, batch.num_samples, size)


def component_log_densities(block: Gaussian, samples: RegressionSamples, buffer: Array) -> Array:
    """Returns [B, N] log N(x | o) in the chunks that have samples; the rest is the buffer's."""
    batch = samples.batch

    def fill(row: Array, log_densities: Array) -> Array:
        points = take_block(batch.points, row, batch.chunk_size)
        whitened = whiten_block(block, centre_points(points, samples.centre))
        values = block_log_densities(block, whitened)
        return jax.lax.dynamic_update_slice_in_dim(
            log_densities, values, row, axis=1, allow_negative_indices=False
        )

    return fold_blocks(batch.num_samples, batch.chunk_size, fill, buffer)


def regression_log_weights(
    index: Array, samples: RegressionSamples, log_densities: Array, only_own_samples: bool
) -> Array:
    """Returns [N] the log weights of all samples under ONE component."""
    batch = samples.batch
    is_live = jnp.arange(batch.usable.shape[0], dtype=jnp.int32) < batch.num_samples
    return log_importance_weights(
        log_densities,
        samples.log_background,
        batch.usable & is_live,
        (batch.origins == index) if only_own_samples else None,
    )


def gather_rows(
    gaussian: Gaussian,
    rows: SelectedRows,
    weights: Array,
    responses: Array,
    samples: RegressionSamples,
    buffer: Chunk,
) -> tuple[Chunk, Quadratic]:
    """Returns the selected samples in whitened coordinates, and the means of their features."""
    size = samples.batch.chunk_size

    def gather(start: Array, carry: tuple[Chunk, Quadratic]) -> tuple[Chunk, Quadratic]:
        chunks, means = carry
        order = take_block(rows.order, start, size)
        points = centre_points(samples.batch.points[order], samples.centre)
        kept = live_rows(start, size, rows.num_kept)
        chunk = Chunk(
            whiten(gaussian, points), jnp.where(kept, weights[order], 0.0), responses[order]
        )
        sums = feature_sum(chunk.whitened, chunk.weights, is_diagonal(gaussian))
        return put_row(chunks, chunk, start // size), jax.tree.map(jnp.add, means, sums)

    nothing = Quadratic(jnp.zeros_like(gaussian.factor), jnp.zeros_like(gaussian.mean))
    return fold_blocks(rows.num_kept, size, gather, (buffer, nothing))


def regression_buffer(batch: SampleBatch) -> Chunk:
    """Returns room for the samples of one regression."""
    capacity, dim = batch.points.shape
    size, dtype = batch.chunk_size, batch.points.dtype
    num_chunks = round_up(capacity, size) // size
    values = jnp.zeros((num_chunks, size), dtype)
    return Chunk(jnp.zeros((num_chunks, dim, size), dtype), values, values)
