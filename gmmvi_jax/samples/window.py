"""The Gaussians that generated the samples in use, and the densities those have under them.

Samples of earlier iterations serve again if it is known what generated them: the balance heuristic
weighs a sample by the density of the mixture of all the Gaussians that generated the samples in
use, as they were then. What is new in an iteration are a few samples and a few Gaussians, so the
matrix of log densities is kept: new samples add columns, new Gaussians rows, and what leaves is
dropped. Recomputing it would cost more than everything else together.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.block_sizes import component_block
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block, take_row
from gmmvi_jax.numerics.gaussian import Gaussian, block_log_densities, centre_points, whiten_block
from gmmvi_jax.numerics.log_sum import LogSum, add_terms, empty_log_sum
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.typing import Array

_SUM_BLOCK = 32  # Gaussians per block where their densities are only summed


@register_pytree
@dataclasses.dataclass(frozen=True)
class ReuseWindow:
    """What generated the samples of a batch, in the order of its rows.

    Row by row the samples of one Gaussian lie behind those of the one before it. Behind the
    Gaussians that drew them stand those that are to draw next, if they are known by now.
    """

    gaussians: Gaussian  # stacked, J leading, as they were when they drew
    row_counts: Array  # [J] int32 samples in the batch that each drew
    usable_counts: Array  # [J] int32 those of them that count
    log_densities: Array  # [J, N] log N(x_n | theta_j)
    num_gaussians: Array  # [] int32, live Gaussians
    num_waiting: Array  # [] int32, how many of them, the newest, have not drawn yet
    max_gaussians: int = dataclasses.field(metadata={"static": True})

    @property
    def num_drawn(self) -> Array:
        """[] int32, how many of the live Gaussians drew samples of the batch: the oldest."""
        return self.num_gaussians - self.num_waiting


class WindowSize(NamedTuple):
    """How many samples and Gaussians fit into a window."""

    num_rows: int
    num_gaussians: int


def window_size(
    num_bytes: int,
    least_rows: int,
    wanted_rows: int,
    max_components: int,
    dim: int,
    diagonal: bool,
    itemsize: int,
) -> WindowSize:
    """Returns how many samples and Gaussians fit into ``num_bytes``.

    Three times ``max_components`` Gaussians come first (those of this iteration, of one before it
    and those to draw next), then the wanted rows, then as many Gaussians as there is room for,
    since the less is drawn per iteration, the more iterations the window reaches back.

    Args:
        num_bytes: the budget of the whole window.
        least_rows: samples an iteration may draw; they must fit.
        wanted_rows: those and the samples to be used again.
        max_components: how many Gaussians an iteration can have.
        dim: dimensions D.
        diagonal: whether covariances are diagonal.
        itemsize: bytes of a float.

    Raises:
        ValueError: not even the samples of one iteration fit.
    """
    per_gaussian = itemsize * (dim + 2 * dim * (1 if diagonal else dim))
    per_row = itemsize * (2 * dim + 4)
    least_gaussians = 3 * max_components
    available = num_bytes - least_gaussians * per_gaussian
    num_rows = min(wanted_rows, available // (per_row + itemsize * least_gaussians))
    if num_rows < least_rows:
        needed = least_gaussians * per_gaussian
        needed += least_rows * (per_row + itemsize * least_gaussians)
        raise ValueError(
            f"reuse_window_bytes is {num_bytes}, but one iteration of max_components="
            f"{max_components} may draw {least_rows} samples, which need {needed} bytes; raise "
            f"reuse_window_bytes, or lower max_components or desired_samples."
        )
    spare = num_bytes - num_rows * per_row
    num_gaussians = min(spare // (per_gaussian + itemsize * num_rows), 64 * max_components)
    return WindowSize(num_rows, max(num_gaussians, least_gaussians))


def empty_window(
    max_gaussians: int, num_rows: int, block_size: int, dim: int, diagonal: bool, dtype: jnp.dtype
) -> ReuseWindow:
    """Returns a window without Gaussians.

    Args:
        max_gaussians: how many there can ever be.
        num_rows: rows of the batch's buffers.
        block_size: of the mixture.
        dim: dimensions D.
        diagonal: whether covariances are diagonal.
        dtype: of its floats.
    """
    # Blocks of Gaussians are written and read from anywhere: one more than needed.
    capacity = max_gaussians + max(block_size, _SUM_BLOCK)
    unit = jnp.ones(dim, dtype) if diagonal else jnp.eye(dim, dtype=dtype)
    factors = jnp.broadcast_to(unit, (capacity, *unit.shape))
    return ReuseWindow(
        gaussians=Gaussian(jnp.zeros((capacity, dim), dtype), factors, factors),
        row_counts=jnp.zeros(capacity, jnp.int32),
        usable_counts=jnp.zeros(capacity, jnp.int32),
        log_densities=jnp.zeros((capacity, num_rows), dtype),
        num_gaussians=jnp.zeros((), jnp.int32),
        num_waiting=jnp.zeros((), jnp.int32),
        max_gaussians=max_gaussians,
    )


def drop_oldest(
    window: ReuseWindow, batch: SampleBatch, num_kept: Array, num_incoming: Array
) -> tuple[ReuseWindow, SampleBatch]:
    """Drops all but the newest samples, and the Gaussians that drew them and have none left.

    Args:
        window: what generated the batch.
        batch: the samples.
        num_kept: [] int32, samples to keep at most.
        num_incoming: [] int32, Gaussians there must be room for, those that wait among them; where
            there is not, more goes.
    """
    capacity = window.row_counts.shape[0]
    slots = jnp.arange(capacity, dtype=jnp.int32)
    live = slots < window.num_gaussians
    ends = jnp.cumsum(jnp.where(live, window.row_counts, 0), dtype=jnp.int32)
    starts = ends - jnp.where(live, window.row_counts, 0)
    dropped_rows = jnp.maximum(batch.num_samples - num_kept, 0)
    surplus = window.num_drawn + num_incoming - window.max_gaussians
    lost = jnp.max(jnp.where(live & (slots < surplus), ends, 0))  # rows of the surplus Gaussians
    dropped_rows = jnp.maximum(dropped_rows, lost)
    num_dropped = jnp.sum((slots < window.num_drawn) & (ends <= dropped_rows), dtype=jnp.int32)
    row_counts = jnp.where(live, ends - jnp.maximum(starts, dropped_rows), 0)

    num_rows = batch.num_samples - dropped_rows
    num_gaussians = window.num_gaussians - num_dropped
    # Nothing to drop: no row is visited.
    moved_rows = jnp.where(dropped_rows > 0, num_rows, 0)
    moved_gaussians = jnp.where(dropped_rows > 0, num_gaussians, 0)
    size = batch.chunk_size

    # Only of the oldest Gaussian that stays some samples may have gone.
    oldest_count = row_counts[num_dropped]

    def shift_rows(start: Array, carry: tuple) -> tuple:
        rows, oldest_usable = carry
        block = take_block(rows, start + dropped_rows, size)
        *_, background = block
        is_usable = live_rows(start, size, oldest_count) & (background < jnp.inf)
        return put_block(rows, block, start), oldest_usable + jnp.sum(is_usable, dtype=jnp.int32)

    rows = (
        batch.points,
        batch.log_target,
        batch.outside,
        batch.target_gradient,
        batch.log_background,
    )
    rows, oldest_usable = fold_blocks(
        moved_rows, size, shift_rows, (rows, jnp.zeros((), jnp.int32))
    )
    points, log_target, outside, target_gradient, log_background = rows
    is_oldest = slots == jnp.where(dropped_rows > 0, num_dropped, -1)
    usable_counts = jnp.where(is_oldest, oldest_usable, window.usable_counts)

    def shift_gaussians(start: Array, arrays: tuple) -> tuple:
        return put_block(arrays, take_block(arrays, start + num_dropped, _SUM_BLOCK), start)

    gaussians, row_counts, usable_counts = fold_blocks(
        moved_gaussians,
        _SUM_BLOCK,
        shift_gaussians,
        (window.gaussians, row_counts, usable_counts),
    )

    def shift_densities(start: Array, matrix: Array) -> Array:
        def shift_chunk(row: Array, matrix: Array) -> Array:
            source = (start + num_dropped, row + dropped_rows)
            tile = lax.dynamic_slice(
                matrix, source, (_SUM_BLOCK, size), allow_negative_indices=False
            )
            return lax.dynamic_update_slice(
                matrix, tile, (start, row), allow_negative_indices=False
            )

        return fold_blocks(moved_rows, size, shift_chunk, matrix)

    log_densities = fold_blocks(moved_gaussians, _SUM_BLOCK, shift_densities, window.log_densities)
    window = dataclasses.replace(
        window,
        gaussians=gaussians,
        row_counts=row_counts,
        usable_counts=usable_counts,
        log_densities=log_densities,
        num_gaussians=num_gaussians,
    )
    batch = dataclasses.replace(
        batch,
        points=points,
        log_target=log_target,
        outside=outside,
        target_gradient=target_gradient,
        log_background=log_background,
        num_samples=num_rows,
        num_usable=jnp.sum(jnp.where(slots < num_gaussians, usable_counts, 0), dtype=jnp.int32),
    )
    return window, batch


def _add_densities(
    window: ReuseWindow,
    batch: SampleBatch,
    gaussians: tuple[Array, Array],
    rows: tuple[Array, Array],
    block_size: int,
) -> ReuseWindow:
    """Fills in the log densities of some rows of the batch under some of the Gaussians.

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
    # Of the Gaussian that drew most: a stray one's mean would cost digits.
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


def _num_known(window: ReuseWindow, mixture: PaddedMixture) -> Array:
    """Returns [] how many of the mixture's Gaussians, in whole blocks, wait as they are."""
    first, size = window.num_drawn, mixture.block_size

    def compare(start: Array, num_known: Array) -> Array:
        own = take_block(mixture.gaussians, start, size)
        waiting = take_block(window.gaussians, first + start, size)
        is_same = live_rows(start, size, window.num_waiting)
        for one, other in zip(own, waiting, strict=True):
            is_same &= jnp.all((one == other).reshape(size, -1), axis=1)
        is_known = jnp.all(is_same | ~live_rows(start, size, mixture.num_components))
        return num_known + jnp.where((num_known == start) & is_known, size, 0)

    num_known = fold_blocks(mixture.num_components, size, compare, jnp.zeros((), jnp.int32))
    return jnp.minimum(num_known, mixture.num_components)


def add_gaussians(window: ReuseWindow, batch: SampleBatch, mixture: PaddedMixture) -> ReuseWindow:
    """Lets the mixture's Gaussians wait to draw next, with the densities of the batch under them.

    Those that wait already, as they are, keep their densities; the other ones are replaced.
    """
    first, size = window.num_drawn, mixture.block_size
    num_known = _num_known(window, mixture)

    def copy(offset: Array, stacked: Gaussian) -> Gaussian:
        start = num_known + offset
        return put_block(stacked, take_block(mixture.gaussians, start, size), first + start)

    num_new = mixture.num_components - num_known
    gaussians = fold_blocks(num_new, size, copy, window.gaussians)
    has_drawn = jnp.arange(window.row_counts.shape[0], dtype=jnp.int32) < first
    window = dataclasses.replace(
        window,
        gaussians=gaussians,
        row_counts=jnp.where(has_drawn, window.row_counts, 0),
        usable_counts=jnp.where(has_drawn, window.usable_counts, 0),
        num_gaussians=first + mixture.num_components,
        num_waiting=mixture.num_components,
    )
    columns = (first + num_known, window.num_gaussians)
    return _add_densities(window, batch, columns, (jnp.zeros_like(first), batch.num_samples), size)


def add_rows(
    window: ReuseWindow,
    batch: SampleBatch,
    mixture: PaddedMixture,
    counts: Array,
    usable_counts: Array,
    first_row: Array,
) -> ReuseWindow:
    """Takes in the samples that the waiting Gaussians have drawn, with their densities.

    Args:
        window: the mixture's Gaussians wait in it.
        batch: with the new samples in it.
        mixture: that drew them.
        counts: [K] int32 how many each component drew.
        usable_counts: [K] int32 those of them that count.
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
        num_waiting=jnp.zeros((), jnp.int32),
    )
    columns = (jnp.zeros((), jnp.int32), window.num_gaussians)
    rows = (first_row, batch.num_samples)
    return _add_densities(window, batch, columns, rows, mixture.block_size)


def add_all_densities(window: ReuseWindow, batch: SampleBatch) -> ReuseWindow:
    """Fills in the log densities of all rows of the batch under all Gaussians of the window."""
    zero = jnp.zeros((), jnp.int32)
    size = component_block(batch.points.shape[1], _SUM_BLOCK)
    gaussians = (zero, window.num_gaussians)
    return _add_densities(window, batch, gaussians, (zero, batch.num_samples), size)


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


def log_background(window: ReuseWindow, batch: SampleBatch) -> Array:
    """Returns [N] log b(x): all Gaussians, weighted by the usable samples they drew.

    +inf for samples without weight, which stay so, and for the rest of the last chunk.
    """
    live = jnp.arange(window.usable_counts.shape[0], dtype=jnp.int32) < window.num_gaussians
    dtype = batch.log_target.dtype
    shares = jnp.where(live, window.usable_counts, 0).astype(dtype)
    log_shares = jnp.log(shares / jnp.maximum(batch.num_usable, 1))
    size = batch.chunk_size

    def weigh(row: Array, background: Array) -> Array:
        def add_block(start: Array, log_sum: LogSum) -> LogSum:
            terms = lax.dynamic_slice(
                window.log_densities, (start, row), (_SUM_BLOCK, size), allow_negative_indices=False
            )
            block_shares = take_block(log_shares, start, _SUM_BLOCK)[:, None]
            # What lies behind the last Gaussian means nothing, and may be anything.
            terms = jnp.where(block_shares > -jnp.inf, terms + block_shares, -jnp.inf)
            return add_terms(log_sum, terms)[0]

        log_sum = fold_blocks(
            window.num_gaussians, _SUM_BLOCK, add_block, empty_log_sum(size, dtype)
        )
        has_weight = take_block(background, row, size) < jnp.inf
        has_weight &= live_rows(row, size, batch.num_samples)
        return put_block(background, jnp.where(has_weight, log_sum.log(), jnp.inf), row)

    return fold_blocks(batch.num_samples, size, weigh, batch.log_background)
