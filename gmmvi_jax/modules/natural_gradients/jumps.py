"""The edge of a support in Stein's estimates: where log p~ jumps to -inf it has no gradient.

By gradients alone the entropy would widen every component that touches an edge, without end. The
jump enters by the score function instead, which needs no further evaluation: the estimates are
those of the density that drops by a finite height at the edge and is flat beyond it. With z the
whitened sample, phi minus the height outside and 0 inside, the whitened gradient gets E[phi z] and
the whitened Hessian -E[phi (z z^T - I)]. Of phi its mean is subtracted, which leaves both as they
are: a component without a sample inside would else follow the noise of its samples, times the
height.
"""

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.modules.natural_gradients.sample_weights import log_importance_weights, own_samples
from gmmvi_jax.numerics.blocks import live_rows, put_block, take_block
from gmmvi_jax.numerics.gaussian import (
    block_log_densities,
    centre_points,
    unit_like,
    whiten_block,
)
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.weighted_sum import WeightedSum, normalizer
from gmmvi_jax.records import NaturalGradient
from gmmvi_jax.sample_db import SampleDatabase
from gmmvi_jax.typing import Array

# Measured on ten densities with edges. A height of 100 nats keeps 0.4 % of the mass outside of a
# square and 20 nats 1.6 %, but with 20 an importance sample is two to eight times as effective: the
# lower the edge, the better the mixture fills the corners. A constant alone is lost where log p~
# varies by thousands of nats within a component, whence the second part.
LOWEST_JUMP = 20.0  # nats
JUMP_DEVIATIONS = 3.0  # of r(x) = log p~(x) - beta log q(x) under the component
LARGEST_JUMP = 1e6  # nats, lest one value of -1e30 decides everything

_Carry = tuple[Array, Array, NaturalGradient]  # [K] heights, [K] shares outside, gradients


def jump_height(gradient: NaturalGradient) -> Array:
    """Returns [] by how much log p~ drops at the edge, for ONE component.

    A number of nats, and a number of standard deviations of r under the component: the drop must be
    deeper than what the gradients inside promise beyond the edge. Of a quadratic with gradient g
    and Hessian H at the mean, in whitened coordinates, the variance is |g|^2 + |H|^2 / 2.

    Args:
        gradient: of the component, by the gradients inside.
    """
    squares = jnp.sum(jnp.square(gradient.gradient)) + 0.5 * jnp.sum(jnp.square(gradient.hessian))
    return jnp.fmin(LOWEST_JUMP + JUMP_DEVIATIONS * jnp.sqrt(squares), LARGEST_JUMP)


def add_jump(gradient: NaturalGradient, whitened: Array, drops: Array) -> NaturalGradient:
    """Adds the jump of a chunk of samples to ONE component's whitened natural gradient.

    Args:
        gradient: of the component.
        whitened: [D, C] the samples z in its whitened coordinates.
        drops: [C] w (phi - E[phi]), with normalised weights w.
    """
    if gradient.hessian.ndim == 1:
        second = product(jnp.square(whitened), drops) - jnp.sum(drops)
    else:
        second = product(drops * whitened, whitened.T)
        second = second - jnp.sum(drops) * unit_like(second)
    return NaturalGradient(gradient.gradient + product(whitened, drops), gradient.hessian - second)


def add_jumps(
    mixture: PaddedMixture,
    database: SampleDatabase,
    sums: WeightedSum,
    gradient: NaturalGradient,
    self_normalized: bool,
    only_own_samples: bool,
) -> NaturalGradient:
    """Returns Stein's estimates with the edge of the support in them.

    Two rounds over all chunks and blocks; the first measures heights and shares. They are one loop,
    which compiles faster than two nests of two; where no sample is outside it ends before it
    begins.

    Args:
        mixture: before its update.
        database: its batch has a complete ``log_background``.
        sums: [K] of the weights, see ``stein.add_chunk``.
        gradient: [K, ...] by the gradients inside, overwritten.
        self_normalized: see ``Stein``.
        only_own_samples: see ``Stein``.
    """
    batch = database.batch
    size, chunk_size = mixture.block_size, batch.chunk_size
    num_blocks = -(-mixture.num_components // size)
    num_tiles = num_blocks * -(-batch.num_samples // chunk_size)
    is_live = live_rows(jnp.zeros((), jnp.int32), len(batch.outside), batch.num_samples)
    num_visited = jnp.where(jnp.any(batch.outside & is_live), 2 * num_tiles, 0)

    def visit(index: Array, carry: _Carry) -> _Carry:
        is_first, tile = index < num_tiles, index % num_tiles
        start, row = (tile % num_blocks) * size, (tile // num_blocks) * chunk_size
        points, outside, log_background = take_block(
            (batch.points, batch.outside, batch.log_background), row, chunk_size
        )
        block, block_sums, (heights, shares, block_gradient) = take_block(
            (mixture.gaussians, sums._replace(value=()), carry), start, size
        )
        whitened = whiten_block(block, centre_points(points, block.mean[0]))
        is_own = own_samples(batch, row, start, size) if only_own_samples else None
        log_densities = block_log_densities(block, whitened)
        log_weights = log_importance_weights(log_densities, log_background, is_own)
        weights = jnp.exp(log_weights - block_sums.log_scale[:, None])
        is_outside = outside.astype(weights.dtype)

        scale = normalizer(block_sums, batch.num_usable, self_normalized)
        drops = (heights * scale)[:, None] * weights * (shares[:, None] - is_outside)
        drops = jnp.where(is_first, 0.0, drops)
        added = product(weights, is_outside) / block_sums.total_weight
        shares = jnp.where(is_first, shares + added, shares)
        heights = jnp.where(is_first, jax.vmap(jump_height)(block_gradient), heights)
        block_gradient = jax.vmap(add_jump)(block_gradient, whitened, drops)
        return put_block(carry, (heights, shares, block_gradient), start)

    zeros = jnp.zeros_like(mixture.log_weights)
    return lax.fori_loop(0, num_visited, visit, (zeros, zeros, gradient))[2]
