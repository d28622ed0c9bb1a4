"""From evaluated points to a batch: which samples are usable, and what stands for their values.

Shared by the selectors, which differ only in how many samples each component draws.
"""

import jax.numpy as jnp

from gmmvi_jax.mixture import Draws
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.numerics.target_evaluation import fold_evaluations
from gmmvi_jax.records import SampleBatch
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

UNSUPPORTED_FLOOR = 100.0  # nats below the lowest finite value of the batch, for log p~ = -inf


def evaluate_batch(
    key: PRNGKey,
    log_target: LogDensity,
    draws: Draws,
    counts: Array,
    first_row: Array,
    buffers: SampleBatch,
) -> tuple[SampleBatch, Array]:
    """Evaluates the target at freshly drawn points and sorts out the unusable ones.

    A value of NaN or +inf, or a gradient that is not finite, makes a sample unusable: it will
    have no weight. -inf is legal (outside the support): it keeps its weight, has a zero
    gradient, and a floor as its value.

    Args:
        key: PRNG key; used where the target is stochastic.
        log_target: log density of one point.
        draws: [N, D], new from ``first_row`` on.
        counts: [K] int32 how many each component drew.
        first_row: [] int32; the rows before it hold samples of earlier iterations.
        buffers: a batch whose rows from ``first_row`` on are overwritten.

    Returns:
        The batch, the ``log_background`` of its new rows 0 where usable and +inf where not; and [K]
        the number of usable new samples of each component.
    """
    num_new = jnp.sum(counts, dtype=jnp.int32)
    num_samples = first_row + num_new
    size = buffers.chunk_size
    dtype = buffers.log_target.dtype

    def inspect(start: Array, value: Array, gradient: Array | None, carry: tuple) -> tuple:
        rows, usable_counts, lowest = carry
        origin = take_block(draws.origins, start, size)
        value = value.astype(dtype)
        outside = value == -jnp.inf
        usable = (outside | jnp.isfinite(value)) & live_rows(start, size, num_samples)
        if gradient is not None:
            # The largest is not finite where one is not; asking each first compiles for longer.
            largest = jnp.max(jnp.abs(gradient), axis=1)
            usable &= outside | jnp.isfinite(largest)
            gradient = jnp.where((usable & ~outside)[:, None], gradient, 0.0)
        usable_counts = usable_counts.at[origin].add(usable.astype(jnp.int32), mode="drop")
        lowest = jnp.minimum(lowest, jnp.min(jnp.where(usable & ~outside, value, jnp.inf)))
        background = jnp.where(usable, jnp.zeros_like(value), jnp.inf)
        return put_block(rows, (value, gradient, background), start), usable_counts, lowest

    rows = (buffers.log_target, buffers.target_gradient, buffers.log_background)
    (values, gradients, log_background), usable_counts, lowest = fold_evaluations(
        key,
        log_target,
        draws.points,
        first_row,
        num_samples,
        size,
        buffers.target_gradient is not None,
        inspect,
        (rows, jnp.zeros_like(counts), jnp.asarray(jnp.inf, dtype)),
    )
    floor = jnp.where(jnp.isfinite(lowest), lowest, 0.0) - UNSUPPORTED_FLOOR

    def settle(offset: Array, values: Array) -> Array:
        start = first_row + offset
        value, background = take_block((values, log_background), start, size)
        value = jnp.where(value == -jnp.inf, floor, value)
        return put_block(values, jnp.where(background == 0.0, value, 0.0), start)

    num_earlier = jnp.where(first_row > 0, buffers.num_usable, 0)
    batch = SampleBatch(
        points=draws.points,
        log_target=fold_blocks(num_new, size, settle, values),
        target_gradient=gradients,
        log_background=log_background,
        origins=draws.origins,
        log_shares=buffers.log_shares,
        num_samples=num_samples,
        num_usable=num_earlier + jnp.sum(usable_counts, dtype=jnp.int32),
        chunk_size=size,
    )
    return batch, usable_counts
