"""What leaves a window of reused samples: the oldest, with the Gaussians that drew them."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.window import SUM_BLOCK, ReuseWindow
from gmmvi_jax.typing import Array


class _Surplus(NamedTuple):
    """What is to leave."""

    rows: Array  # [] int32, the oldest samples
    gaussians: Array  # [] int32, the oldest Gaussians, which have no sample left
    row_counts: Array  # [J] int32 samples that each Gaussian keeps, at its old place


def drop_oldest(
    window: ReuseWindow, batch: SampleBatch, num_kept: Array, num_incoming: Array
) -> tuple[ReuseWindow, SampleBatch]:
    """Drops all but the newest samples, and the Gaussians that drew them and have none left.

    Args:
        window: what generated the batch.
        batch: the samples.
        num_kept: [] int32, samples to keep at most.
        num_incoming: [] int32, Gaussians there must be room for, those that are pending among them;
            where there is not, more goes.
    """
    surplus = _surplus(window, batch, num_kept, num_incoming)
    # Only the oldest Gaussian that stays may have lost some of its samples.
    batch, num_usable = _drop_rows(batch, surplus.rows, surplus.row_counts[surplus.gaussians])
    slots = jnp.arange(window.row_counts.shape[0], dtype=jnp.int32)
    is_oldest = slots == jnp.where(surplus.rows > 0, surplus.gaussians, -1)
    usable_counts = jnp.where(is_oldest, num_usable, window.usable_counts)
    window = dataclasses.replace(window, row_counts=surplus.row_counts, usable_counts=usable_counts)
    window = _drop_gaussians(window, surplus, batch)
    live_counts = jnp.where(slots < window.num_gaussians, window.usable_counts, 0)
    num_usable = jnp.sum(live_counts, dtype=jnp.int32)
    return window, dataclasses.replace(batch, num_usable=num_usable)


def _surplus(
    window: ReuseWindow, batch: SampleBatch, num_kept: Array, num_incoming: Array
) -> _Surplus:
    """Returns what is to leave, so that both samples and Gaussians fit."""
    slots = jnp.arange(window.row_counts.shape[0], dtype=jnp.int32)
    live = slots < window.num_gaussians
    counts = jnp.where(live, window.row_counts, 0)
    ends = jnp.cumsum(counts, dtype=jnp.int32)
    starts = ends - counts
    first_kept = window.num_drawn + num_incoming - window.max_gaussians
    rows_before = jnp.max(jnp.where(live & (slots < first_kept), ends, 0))
    rows = jnp.maximum(jnp.maximum(batch.num_samples - num_kept, 0), rows_before)
    is_empty = (slots < window.num_drawn) & (ends <= rows)
    row_counts = jnp.where(live, ends - jnp.maximum(starts, rows), 0)
    return _Surplus(rows, jnp.sum(is_empty, dtype=jnp.int32), row_counts)


def _drop_rows(
    batch: SampleBatch, num_dropped: Array, oldest_count: Array
) -> tuple[SampleBatch, Array]:
    """Moves the rows that stay to the front; counts the usable ones among the first of them.

    Args:
        batch: the samples.
        num_dropped: [] int32, rows that leave; where it is 0 no row is visited.
        oldest_count: [] int32, how many of the rows that stay to count.

    Returns:
        The batch, except for its ``num_usable``; and the count, 0 where no row is visited.
    """
    size = batch.chunk_size
    num_rows = batch.num_samples - num_dropped

    def shift(start: Array, carry: tuple) -> tuple:
        rows, num_usable = carry
        usable, *others = take_block(rows, start + num_dropped, size)
        usable &= live_rows(start, size, num_rows)
        of_oldest = usable & live_rows(start, size, oldest_count)
        num_usable += jnp.sum(of_oldest, dtype=jnp.int32)
        return put_block(rows, (usable, *others), start), num_usable

    rows = (batch.usable, batch.points, batch.log_target, batch.outside, batch.target_gradient)
    num_moved = jnp.where(num_dropped > 0, num_rows, 0)
    rows, num_usable = fold_blocks(num_moved, size, shift, (rows, jnp.zeros((), jnp.int32)))
    usable, points, log_target, outside, target_gradient = rows
    batch = dataclasses.replace(
        batch,
        points=points,
        log_target=log_target,
        outside=outside,
        usable=usable,
        target_gradient=target_gradient,
        num_samples=num_rows,
    )
    return batch, num_usable


def _drop_gaussians(window: ReuseWindow, surplus: _Surplus, batch: SampleBatch) -> ReuseWindow:
    """Moves the Gaussians that stay to the front, and the densities with them and the rows.

    Args:
        window: as before, its counts those that stay.
        surplus: what leaves; where that are no rows, nothing is moved.
        batch: without the rows that leave.
    """
    size = batch.chunk_size
    num_gaussians = window.num_gaussians - surplus.gaussians
    num_moved = jnp.where(surplus.rows > 0, num_gaussians, 0)
    num_moved_rows = jnp.where(surplus.rows > 0, batch.num_samples, 0)

    def shift(start: Array, arrays: tuple) -> tuple:
        block = take_block(arrays, start + surplus.gaussians, SUM_BLOCK)
        return put_block(arrays, block, start)

    def shift_densities(start: Array, matrix: Array) -> Array:
        def shift_chunk(row: Array, matrix: Array) -> Array:
            source = (start + surplus.gaussians, row + surplus.rows)
            tile = lax.dynamic_slice(
                matrix, source, (SUM_BLOCK, size), allow_negative_indices=False
            )
            return lax.dynamic_update_slice(
                matrix, tile, (start, row), allow_negative_indices=False
            )

        return fold_blocks(num_moved_rows, size, shift_chunk, matrix)

    arrays = (window.gaussians, window.row_counts, window.usable_counts)
    gaussians, row_counts, usable_counts = fold_blocks(num_moved, SUM_BLOCK, shift, arrays)
    return dataclasses.replace(
        window,
        gaussians=gaussians,
        row_counts=row_counts,
        usable_counts=usable_counts,
        log_densities=fold_blocks(num_moved, SUM_BLOCK, shift_densities, window.log_densities),
        num_gaussians=num_gaussians,
    )
