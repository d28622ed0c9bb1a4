"""From evaluated points to a batch: which samples are usable, and what stands for their values.

Shared by the selectors, which differ only in how many samples each component draws.
"""

import dataclasses
from typing import NamedTuple, Self

import jax.numpy as jnp

from gmmvi_jax.densities.evaluation import fold_evaluations
from gmmvi_jax.mixture.drawing import Draws
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.numerics.devices import lowest_of, merged_rows, total_of
from gmmvi_jax.samples.batch import NUM_ACCOUNTS, OUTSIDE_DEPTH, SampleAccount, SampleBatch
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


class _Kinds(NamedTuple):
    """A chunk of evaluated points, sorted by what is wrong with them."""

    value: Array  # [C] log p~(x)
    inside: Array  # [C] bool, the value is finite
    outside: Array  # [C] bool, the value is -inf
    usable: Array  # [C] bool
    gradient: Array | None  # [C, D], 0 where there is none
    counts: Array  # int32, see ``SampleAccount``


class _Tally(NamedTuple):
    """What is known of the chunks evaluated so far."""

    rows: tuple[Array, Array, Array, Array | None]  # values, outside, usable, gradients; [N, ..]
    usable_counts: Array  # [K] int32 usable new samples of each component
    lowest: Array  # [] value of a usable sample inside of the support, inf if there is none
    account: Array  # int32, see ``SampleAccount``

    def add(self, start: Array, kinds: _Kinds, origins: Array) -> Self:
        """Adds a chunk whose first row is ``start``, drawn from the components ``origins`` [C]."""
        usable = kinds.usable
        lowest = jnp.min(jnp.where(usable & kinds.inside, kinds.value, jnp.inf))
        rows = (kinds.value, kinds.outside, usable, kinds.gradient)
        counts = self.usable_counts.at[origins].add(usable.astype(jnp.int32), mode="drop")
        return type(self)(
            rows=put_block(self.rows, rows, start),
            usable_counts=counts,
            lowest=jnp.minimum(self.lowest, lowest),
            account=self.account + kinds.counts,
        )

    def merged(self, before: Self, count: Array, size: int, first_row: Array) -> Self:
        """Returns what all devices know; see ``merged_rows``."""
        return type(self)(
            rows=merged_rows(before.rows, self.rows, count, size, first_row),
            usable_counts=total_of(self.usable_counts),
            lowest=lowest_of(self.lowest),
            account=total_of(self.account),
        )


def _sort(value: Array, gradient: Array | None, live: Array) -> _Kinds:
    """Sorts a chunk.

    Args:
        value: [C] log p~(x).
        gradient: [C, D] of log p~, or None.
        live: [C] bool, which rows are samples.
    """
    outside = live & (value == -jnp.inf)
    inside = jnp.isfinite(value)
    if gradient is None:
        broken = flat = jnp.zeros_like(inside)
    else:
        # The largest is not finite where one is not; asking each first compiles for longer.
        largest = jnp.max(jnp.abs(gradient), axis=1)
        broken, flat = inside & ~jnp.isfinite(largest), inside & (largest == 0.0)
        gradient = jnp.where((live & inside & ~broken)[:, None], gradient, 0.0)
    usable = live & (outside | (inside & ~broken))
    kinds = jnp.stack([live, outside, jnp.isnan(value), value == jnp.inf, broken, flat])
    counts = jnp.sum(kinds & live, axis=1, dtype=jnp.int32)
    return _Kinds(value, inside, outside, usable, gradient, counts)


def evaluate_batch(
    key: PRNGKey,
    log_target: LogDensity,
    draws: Draws,
    counts: Array,
    first_row: Array,
    buffers: SampleBatch,
) -> tuple[SampleBatch, Array, SampleAccount]:
    """Evaluates the target at freshly drawn points and sorts out the unusable ones.

    A value of NaN or +inf, or a gradient that is not finite, makes a sample unusable. -inf is legal
    (outside the support): such a sample is flagged, keeps its weight, has a zero gradient, and a
    floor as its value.

    Args:
        key: PRNG key; used where the target is stochastic.
        log_target: log density of one point.
        draws: [N, D], new from ``first_row`` on.
        counts: [K] int32 how many each component drew.
        first_row: [] int32; the rows before it hold samples of earlier iterations.
        buffers: a batch whose rows from ``first_row`` on are overwritten.

    Returns:
        The batch; [K] the number of usable new samples of each component; and the account of all
        new samples.
    """
    num_new = jnp.sum(counts, dtype=jnp.int32)
    num_samples = first_row + num_new
    size = buffers.visit_size
    dtype = buffers.log_target.dtype

    def inspect(start: Array, value: Array, gradient: Array | None, tally: _Tally) -> _Tally:
        live = live_rows(start, size, num_samples)
        kinds = _sort(value.astype(dtype), gradient, live)
        return tally.add(start, kinds, take_block(draws.origins, start, size))

    nothing = _Tally(
        rows=(buffers.log_target, buffers.outside, buffers.usable, buffers.target_gradient),
        usable_counts=jnp.zeros_like(counts),
        lowest=jnp.asarray(jnp.inf, dtype),
        account=jnp.zeros(NUM_ACCOUNTS, jnp.int32),
    )
    tally = fold_evaluations(
        key,
        log_target,
        draws.points,
        first_row,
        num_samples,
        buffers.chunk_size,
        buffers.target_gradient is not None,
        inspect,
        nothing,
    )
    tally = tally.merged(nothing, num_new, size, first_row)
    batch = _as_batch(draws, tally, first_row, num_samples, buffers)
    batch = _apply_floor(batch, first_row, num_new, tally.lowest)
    return batch, tally.usable_counts, SampleAccount(tally.account)


def _as_batch(
    draws: Draws, tally: _Tally, first_row: Array, num_samples: Array, buffers: SampleBatch
) -> SampleBatch:
    """Returns the batch of evaluated draws, without a floor; ``buffers`` is the batch before."""
    size = buffers.chunk_size
    values, outside, usable, gradients = tally.rows
    # Chunks of new samples begin anywhere: what lies behind them may be left of other iterations.
    usable = put_block(usable, jnp.zeros(size, bool), num_samples)
    num_earlier = jnp.where(first_row > 0, buffers.num_usable, 0)
    return SampleBatch(
        points=draws.points,
        log_target=values,
        outside=outside,
        usable=usable,
        target_gradient=gradients,
        origins=draws.origins,
        num_samples=num_samples,
        num_usable=num_earlier + jnp.sum(tally.usable_counts, dtype=jnp.int32),
        chunk_size=size,
    )


def _apply_floor(
    batch: SampleBatch, first_row: Array, num_new: Array, lowest: Array
) -> SampleBatch:
    """Replaces the values of new samples that have none: a floor outside, 0 if not usable.

    Args:
        batch: the samples.
        first_row: [] int32, the first new sample.
        num_new: [] int32.
        lowest: [] value of a usable sample inside of the support, inf if there is none.
    """
    size = batch.chunk_size
    floor = jnp.where(jnp.isfinite(lowest), lowest, 0.0) - OUTSIDE_DEPTH

    def apply(offset: Array, values: Array) -> Array:
        start = first_row + offset
        value, is_outside, is_usable = take_block(
            (values, batch.outside, batch.usable), start, size
        )
        value = jnp.where(is_outside, floor, value)
        return put_block(values, jnp.where(is_usable, value, 0.0), start)

    values = fold_blocks(num_new, size, apply, batch.log_target)
    return dataclasses.replace(batch, log_target=values)
