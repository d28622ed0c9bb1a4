"""What comes into a window of reused samples: Gaussians that are to draw, and their samples."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.block_sizes import component_block
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block, take_row
from gmmvi_jax.numerics.forms.record import Gaussian, centre_points
from gmmvi_jax.numerics.gaussian import block_log_densities, whiten_block
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.window import SUM_BLOCK, ReuseWindow
from gmmvi_jax.typing import Array


def add_gaussians(window: ReuseWindow, batch: SampleBatch, mixture: PaddedMixture) -> ReuseWindow:
    """Makes the mixture's Gaussians those to draw next, with the batch's densities under them.

    Those that are pending and unchanged keep their densities; the other ones are replaced.
    """
    first, size = window.num_drawn, mixture.block_size
    num_unchanged = _num_unchanged(window, mixture)

    def copy(offset: Array, stacked: Gaussian) -> Gaussian:
        start = num_unchanged + offset
        return put_block(stacked, take_block(mixture.gaussians, start, size), first + start)

    num_new = mixture.num_components - num_unchanged
    gaussians = fold_blocks(num_new, size, copy, window.gaussians)
    has_drawn = jnp.arange(window.row_counts.shape[0], dtype=jnp.int32) < first
    window = dataclasses.replace(
        window,
        gaussians=gaussians,
        row_counts=jnp.where(has_drawn, window.row_counts, 0),
        usable_counts=jnp.where(has_drawn, window.usable_counts, 0),
        num_gaussians=first + mixture.num_components,
        num_pending=mixture.num_components,
    )
    columns = (first + num_unchanged, window.num_gaussians)
    return _add_densities(window, batch, columns, (jnp.zeros_like(first), batch.num_samples), size)


def add_rows(
    window: ReuseWindow,
    batch: SampleBatch,
    mixture: PaddedMixture,
    counts: Array,
    usable_counts: Array,
    first_row: Array,
) -> ReuseWindow:
    """Adds the samples that the pending Gaussians have drawn, with their densities.

    Args:
        window: the mixture's Gaussians are pending in it.
        batch: with the new samples in it.
        mixture: that drew them.
        counts: [K] int32 how many each component drew.
        usable_counts: [K] int32 those of them that are usable.
        first_row: of the new samples.
    """
    slots = jnp.arange(window.row_counts.shape[0], dtype=jnp.int32)
    component = slots - (window.num_gaussians - mixture.num_components)
    is_newest = (component >= 0) & (slots < window.num_gaussians)
    component = jnp.clip(component, 0, mixture.capacity - 1)
    window = dataclasses.replace(
        window,
        row_counts=jnp.where(is_newest, counts[component], window.row_counts),
        usable_counts=jnp.where(is_newest, usable_counts[component], window.usable_counts),
        num_pending=jnp.zeros((), jnp.int32),
    )
    columns = (jnp.zeros((), jnp.int32), window.num_gaussians)
    rows = (first_row, batch.num_samples)
    return _add_densities(window, batch, columns, rows, mixture.block_size)


def add_all_densities(window: ReuseWindow, batch: SampleBatch) -> ReuseWindow:
    """Computes the log densities of all rows of the batch under all Gaussians of the window."""
    zero = jnp.zeros((), jnp.int32)
    size = component_block(batch.points.shape[1], SUM_BLOCK)
    gaussians = (zero, window.num_gaussians)
    return _add_densities(window, batch, gaussians, (zero, batch.num_samples), size)


def _num_unchanged(window: ReuseWindow, mixture: PaddedMixture) -> Array:
    """Returns [] how many of the mixture's Gaussians, in whole blocks, are pending as they are."""
    first, size = window.num_drawn, mixture.block_size

    def compare(start: Array, num_unchanged: Array) -> Array:
        own = take_block(mixture.gaussians, start, size)
        pending = take_block(window.gaussians, first + start, size)
        is_same = live_rows(start, size, window.num_pending)
        for one, other in zip(jax.tree.leaves(own), jax.tree.leaves(pending), strict=True):
            is_same &= jnp.all((one == other).reshape(size, -1), axis=1)
        is_known = jnp.all(is_same | ~live_rows(start, size, mixture.num_components))
        return num_unchanged + jnp.where((num_unchanged == start) & is_known, size, 0)

    count = fold_blocks(mixture.num_components, size, compare, jnp.zeros((), jnp.int32))
    return jnp.minimum(count, mixture.num_components)


def _add_densities(
    window: ReuseWindow,
    batch: SampleBatch,
    gaussians: tuple[Array, Array],
    rows: tuple[Array, Array],
    block_size: int,
) -> ReuseWindow:
    """Computes the log densities of some rows of the batch under some of the Gaussians.

    Args:
        window: with the Gaussians in it.
        batch: with the points in it.
        gaussians: the first one, and the one behind the last.
        rows: the first one, and the one behind the last.
        block_size: Gaussians per block.
    """
    first_gaussian, end_gaussian = gaussians
    first_row, end_row = rows
    size = batch.chunk_size
    # Centred on the Gaussian that drew most: an outlier's mean would cost digits.
    most_drawn = jnp.argmax(window.row_counts).astype(jnp.int32)
    centre = take_row(window.gaussians.mean, most_drawn)

    def add_chunk(offset: Array, matrix: Array) -> Array:
        row = first_row + offset
        points = centre_points(take_block(batch.points, row, size), centre)

        def add_block(start: Array, matrix: Array) -> Array:
            index = first_gaussian + start
            block = take_block(window.gaussians, index, block_size)
            tile = block_log_densities(block, whiten_block(block, points))
            return lax.dynamic_update_slice(
                matrix, tile, (index, row), allow_negative_indices=False
            )

        return fold_blocks(end_gaussian - first_gaussian, block_size, add_block, matrix)

    matrix = fold_blocks(end_row - first_row, size, add_chunk, window.log_densities)
    return dataclasses.replace(window, log_densities=matrix)
