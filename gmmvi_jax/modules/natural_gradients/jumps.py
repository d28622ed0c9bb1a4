"""The edge of a support in Stein's estimates: where log p~ jumps to -inf it has no gradient.

By gradients alone the entropy would widen every component that touches an edge, without end. The
jump enters by the score function instead, which needs no further evaluation: the estimates are
those of E_q[log p~] + h log P_q(inside) with a height h. Where little of a component is outside
that is a density that drops by h at the edge. Where nearly all of it is, log P still outweighs the
entropy, which the drop would not, and the component comes back. One that has no sample inside knows
of no edge, and widens until it has one.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.modules.natural_gradients.sample_weights import log_importance_weights, own_samples
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.numerics.gaussian import (
    Gaussian,
    block_log_densities,
    centre_points,
    is_diagonal,
    unit_like,
    whiten_block,
)
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.weighted_sum import WeightedSum
from gmmvi_jax.sample_db import SampleDatabase
from gmmvi_jax.typing import Array

LOWEST_JUMP = 20.0  # nats
JUMP_DEVIATIONS = 5.0
LARGEST_JUMP = 1e6  # nats, lest one value of -1e30 decides everything

Carry = TypeVar("Carry")


class ValueSums(NamedTuple):
    """Weighted sums over the samples inside of the support; [K], or scalars for ONE component."""

    weight: Array
    value: Array
    square: Array
    outside: Array  # the weight of the samples outside


def add_values(sums: ValueSums, weights: Array, values: Array, outside: Array) -> ValueSums:
    """Adds a chunk of samples to ONE component's sums; all arguments behind them are [C]."""
    inside = jnp.where(outside, 0.0, weights)
    return ValueSums(
        sums.weight + jnp.sum(inside),
        sums.value + product(inside, values),
        sums.square + product(inside, jnp.square(values)),
        sums.outside + jnp.sum(jnp.where(outside, weights, 0.0)),
    )


def jump_heights(sums: ValueSums) -> Array:
    """Returns [K] by how much log p~ drops at the edge, for each component.

    A number of nats, and a number of standard deviations of log p~ inside of the support: the drop
    must be deeper than what the gradients inside promise beyond the edge.
    """
    weight = jnp.maximum(sums.weight, jnp.finfo(sums.weight.dtype).tiny)
    variance = sums.square / weight - jnp.square(sums.value / weight)
    deviation = jnp.sqrt(jnp.maximum(variance, 0.0))
    return jnp.fmin(LOWEST_JUMP + JUMP_DEVIATIONS * deviation, LARGEST_JUMP)


def drops_of(sums: ValueSums, weights: Array, outside: Array) -> Array:
    """Returns [C] what the samples of a chunk count for in ONE component's jump; they sum to 0.

    h sum_n (w_n inside_n / sum w inside - w_n / sum w) s(x_n) estimates h grad log P(inside), with
    s the score: the weights, times the sum of all of them, since Stein's sums are divided by it.

    Args:
        sums: of the component.
        weights: [C].
        outside: [C] bool.
    """
    total = sums.weight + sums.outside
    given_inside = jnp.where(outside, 0.0, weights) / jnp.where(sums.weight > 0.0, sums.weight, 1.0)
    share = weights / jnp.where(total > 0.0, total, 1.0)
    drops = jump_heights(sums) * total * (given_inside - share)
    return jnp.where(sums.weight > 0.0, drops, 0.0)


def add_jump(
    gaussian: Gaussian, value: tuple[Array, Array], columns: Array, drops: Array
) -> tuple[Array, Array]:
    """Adds the jump of a chunk of samples to ONE component's sums of Stein's estimates.

    g += Lambda sum_n d_n (x_n - mu) and
    G += sum_n d_n (Lambda - Lambda (x_n - mu) (x_n - mu)^T Lambda).

    Args:
        gaussian: the component.
        value: [D] and [D, D] (or [D]) its sums, see ``stein.add_chunk``.
        columns: [D, C] the samples.
        drops: [C] d_n, see ``drops_of``.
    """
    gradient, moment = value
    centred = columns - gaussian.mean[:, None]
    root = gaussian.inverse_factor
    if is_diagonal(gaussian):
        scores = centred * jnp.square(root)[:, None]
        second = jnp.sum(drops * centred * scores, axis=1) - jnp.sum(drops)
    else:
        scores = product(root.T, product(root, centred))
        second = product(drops * centred, scores.T) - jnp.sum(drops) * unit_like(moment)
    return gradient + product(scores, drops), moment + second


def add_jumps(
    mixture: PaddedMixture, database: SampleDatabase, sums: WeightedSum, only_own_samples: bool
) -> WeightedSum:
    """Returns Stein's sums with the jumps at the edge of the support in them.

    Where no sample is outside no row is visited.

    Args:
        mixture: before its update.
        database: its batch has a complete ``log_background``.
        sums: [K, ...] over all samples, see ``stein.add_chunk``.
        only_own_samples: each component uses no samples but those it drew itself.
    """
    batch = database.batch
    size, chunk_size = mixture.block_size, batch.chunk_size
    live = live_rows(jnp.zeros((), jnp.int32), len(batch.outside), batch.num_samples)
    num_rows = jnp.where(jnp.any(batch.outside & live), batch.num_samples, 0)

    def fold(visit: Callable[[Array, Array, Array, Carry], Carry], initial: Carry) -> Carry:
        """Folds ``visit(row, start, weights [B, C], carry)`` over chunks and blocks."""

        def visit_chunk(row: Array, carry: Carry) -> Carry:
            points, log_background = take_block(
                (batch.points, batch.log_background), row, chunk_size
            )

            def visit_block(start: Array, carry: Carry) -> Carry:
                block, log_scale = take_block((mixture.gaussians, sums.log_scale), start, size)
                centred = centre_points(points, block.mean[0])
                log_densities = block_log_densities(block, whiten_block(block, centred))
                is_own = own_samples(batch, row, start, size) if only_own_samples else None
                log_weights = log_importance_weights(log_densities, log_background, is_own)
                return visit(row, start, jnp.exp(log_weights - log_scale[:, None]), carry)

            return fold_blocks(mixture.num_components, size, visit_block, carry)

        return fold_blocks(num_rows, chunk_size, visit_chunk, initial)

    def add_sums(row: Array, start: Array, weights: Array, values: ValueSums) -> ValueSums:
        log_target, outside = take_block((batch.log_target, batch.outside), row, chunk_size)
        added = jax.vmap(add_values, in_axes=(0, 0, None, None))(
            take_block(values, start, size), weights, log_target, outside
        )
        return put_block(values, added, start)

    def add_drops(row: Array, start: Array, weights: Array, value: tuple) -> tuple:
        points, outside = take_block((batch.points, batch.outside), row, chunk_size)
        block, block_value, block_sums = take_block((mixture.gaussians, value, values), start, size)
        drops = jax.vmap(drops_of, in_axes=(0, 0, None))(block_sums, weights, outside)
        added = jax.vmap(add_jump, in_axes=(0, 0, None, 0))(block, block_value, points.T, drops)
        return put_block(value, added, start)

    zeros = jnp.zeros_like(mixture.log_weights)
    values = fold(add_sums, ValueSums(zeros, zeros, zeros, zeros))
    return sums._replace(value=fold(add_drops, sums.value))
