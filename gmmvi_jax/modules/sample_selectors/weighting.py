"""From evaluated points to a batch: which samples are usable, and what stands for their values.

Shared by the selectors, which differ only in how many samples each component draws.
"""

import jax.numpy as jnp

from gmmvi_jax.densities.evaluation import fold_evaluations
from gmmvi_jax.mixture.drawing import Draws
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.samples.batch import NUM_ACCOUNTS, OUTSIDE_DEPTH, SampleAccount, SampleBatch
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


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
    size = buffers.chunk_size
    dtype = buffers.log_target.dtype

    def inspect(start: Array, value: Array, gradient: Array | None, carry: tuple) -> tuple:
        rows, usable_counts, lowest, kinds_count = carry
        origin = take_block(draws.origins, start, size)
        value = value.astype(dtype)
        live = live_rows(start, size, num_samples)
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
        kinds_count += jnp.sum(kinds & live, axis=1, dtype=jnp.int32)
        usable_counts = usable_counts.at[origin].add(usable.astype(jnp.int32), mode="drop")
        lowest = jnp.minimum(lowest, jnp.min(jnp.where(usable & inside, value, jnp.inf)))
        rows = put_block(rows, (value, outside, usable, gradient), start)
        return rows, usable_counts, lowest, kinds_count

    rows = (buffers.log_target, buffers.outside, buffers.usable, buffers.target_gradient)
    nothing = jnp.zeros(NUM_ACCOUNTS, jnp.int32)
    rows, usable_counts, lowest, account = fold_evaluations(
        key,
        log_target,
        draws.points,
        first_row,
        num_samples,
        size,
        buffers.target_gradient is not None,
        inspect,
        (rows, jnp.zeros_like(counts), jnp.asarray(jnp.inf, dtype), nothing),
    )
    values, outside, usable, gradients = rows
    # Chunks of new samples begin anywhere: what lies behind them may be left of other iterations.
    usable = put_block(usable, jnp.zeros(size, bool), num_samples)
    floor = jnp.where(jnp.isfinite(lowest), lowest, 0.0) - OUTSIDE_DEPTH

    def apply_floor(offset: Array, values: Array) -> Array:
        start = first_row + offset
        value, is_outside, is_usable = take_block((values, outside, usable), start, size)
        value = jnp.where(is_outside, floor, value)
        return put_block(values, jnp.where(is_usable, value, 0.0), start)

    num_earlier = jnp.where(first_row > 0, buffers.num_usable, 0)
    batch = SampleBatch(
        points=draws.points,
        log_target=fold_blocks(num_new, size, apply_floor, values),
        outside=outside,
        usable=usable,
        target_gradient=gradients,
        origins=draws.origins,
        num_samples=num_samples,
        num_usable=num_earlier + jnp.sum(usable_counts, dtype=jnp.int32),
        chunk_size=size,
    )
    return batch, usable_counts, SampleAccount(account)
