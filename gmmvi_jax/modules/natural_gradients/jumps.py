"""The edge of a support in Stein's estimates: where log p~ jumps to -inf it has no gradient.

By gradients alone the entropy would widen every component that touches an edge, without end. The
jump enters by the score function instead, which needs no further evaluation. With z the whitened
sample, and phi minus a height outside and 0 inside, the whitened gradient gets E[phi z] and the
whitened Hessian -E[phi (z z^T - I)]. Of phi its mean is subtracted, which leaves both as they are,
with less noise.

The height h + k / P, with P the component's share inside of the support, makes these the gradients
of -h (1 - P) + k log P. A constant alone would let a component go that lies outside mostly: beyond
the edge the density is flat, and in many dimensions the entropy that it gains by growing is more
than any constant.
"""

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.numerics.blocks import live_rows, put_block, take_block
from gmmvi_jax.numerics.forms.choice import form_of
from gmmvi_jax.numerics.forms.record import Gaussian, centre_points
from gmmvi_jax.numerics.gaussian import (
    block_log_densities,
    weighted_by_score,
    whiten_block,
)
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.weighted_sum import WeightedSum, normalizer
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.importance_weights import log_importance_weights, own_samples
from gmmvi_jax.typing import Array

# Measured on ten densities with edges. A height of 100 nats keeps 0.4 % of the mass outside of a
# square and 20 nats 1.6 %, but with 20 an importance sample is two to eight times as effective: the
# lower the edge, the better the mixture fills the corners. A constant alone is lost where log p~
# varies by thousands of nats within a component, whence the second part.
LOWEST_JUMP = 20.0  # h, in nats at temperature 1, of which it is a multiple
JUMP_DEVIATIONS = 3.0  # of r(x) = log p~(x) - beta log q(x) under the component; added to h
LARGEST_JUMP = 1e6  # nats, lest one value of -1e30 decides everything
BARRIER = 3.0  # k; the entropy widens a component with a force of 1 in each direction
# Share of a sample at the mean that counts as inside, for a component that has none there: it
# shrinks onto its mean, which was inside when it was added.
LEAST_SHARE = 1e-4

_Carry = tuple[Array, Array, NaturalGradient]  # [K] h, [K] shares outside, gradients


def lowest_height(gaussian: Gaussian, gradient: NaturalGradient, temperature: Array) -> Array:
    """Returns [] h, by how much log p~ drops at the edge at least, for ONE component.

    A number of nats, and a number of standard deviations of r under the component: the drop must be
    deeper than what the gradients inside promise beyond the edge. Of a quadratic with gradient g
    and Hessian H at the mean, in whitened coordinates, the variance is |g|^2 + |H|^2 / 2.

    Args:
        gaussian: the component.
        gradient: its natural gradient, by the gradients inside.
        temperature: beta.
    """
    curvature = form_of(gaussian).squared_norm(gaussian, gradient.hessian)
    squares = jnp.sum(jnp.square(gradient.gradient)) + 0.5 * curvature
    height = LOWEST_JUMP * temperature + JUMP_DEVIATIONS * jnp.sqrt(squares)
    return jnp.fmin(height, LARGEST_JUMP)


def add_jump(
    gaussian: Gaussian,
    gradient: NaturalGradient,
    whitened: Array,
    drops: Array,
    tilted: Array,
    shrinkage: Array,
) -> NaturalGradient:
    """Adds the jump of a chunk of samples to ONE component's whitened natural gradient.

    Args:
        gaussian: the component.
        gradient: its natural gradient.
        whitened: [D, C] the samples z in its whitened coordinates.
        drops: [C] w (phi - E[phi]), with normalised weights w.
        tilted: [C] the same times rho, see ``weighted_by_score``.
        shrinkage: [] drop of the sample at the mean that counts as inside.
    """
    total = jnp.sum(drops) + shrinkage
    form = form_of(gaussian)
    hessian = jax.tree.map(
        lambda inside, second, unit: inside - (second - unit),
        gradient.hessian,
        form.curvature(gaussian, whitened, tilted),
        form.unit_hessian(gaussian, total),
    )
    return NaturalGradient(gradient.gradient + product(whitened, tilted), hessian)


def _is_any_outside(batch: SampleBatch) -> Array:
    """Returns [] bool whether a sample is outside of the support."""
    is_live = live_rows(jnp.zeros((), jnp.int32), len(batch.outside), batch.num_samples)
    return jnp.any(batch.outside & is_live)


def add_jumps(
    mixture: PaddedMixture,
    batch: SampleBatch,
    log_background: Array,
    sums: WeightedSum,
    gradient: NaturalGradient,
    temperature: Array,
    self_normalized: bool,
    only_own_samples: bool,
) -> NaturalGradient:
    """Returns Stein's estimates with the edge of the support in them.

    Two rounds over all chunks and blocks; the first measures heights and shares. They are one loop,
    which compiles faster than two nests of two; where no sample is outside it ends before it
    begins.

    Args:
        mixture: before its update.
        batch: the samples.
        log_background: [N] log b(x).
        sums: [K] of the weights, see ``stein.add_chunk``.
        gradient: [K, ...] by the gradients inside, overwritten.
        temperature: beta.
        self_normalized: see ``Stein``.
        only_own_samples: see ``Stein``.
    """
    size, chunk_size = mixture.block_size, batch.visit_size
    num_blocks = -(-mixture.num_components // size)
    num_tiles = num_blocks * -(-batch.num_samples // chunk_size)
    num_visited = jnp.where(_is_any_outside(batch), 2 * num_tiles, 0)

    def visit(index: Array, carry: _Carry) -> _Carry:
        is_first, tile = index < num_tiles, index % num_tiles
        start, row = (tile % num_blocks) * size, (tile // num_blocks) * chunk_size
        points, outside, usable, background = take_block(
            (batch.points, batch.outside, batch.usable, log_background), row, chunk_size
        )
        block, block_sums, (heights, shares, block_gradient) = take_block(
            (mixture.gaussians, sums._replace(value=()), carry), start, size
        )
        whitened = whiten_block(block, centre_points(points, block.mean[0]))
        is_own = own_samples(batch, row, start, size) if only_own_samples else None
        log_densities = block_log_densities(block, whitened)
        log_weights = log_importance_weights(log_densities, background, usable, is_own)
        weights = jnp.exp(log_weights - block_sums.log_scale[:, None])
        is_outside = outside.astype(weights.dtype)
        scale = normalizer(block_sums, batch.num_usable, self_normalized)
        jumps = heights + temperature * BARRIER / (1.0 - shares + LEAST_SHARE)
        jumps = jnp.where(is_first, 0.0, jumps)
        drops = jumps[:, None] * ((shares[:, None] - is_outside) * weights * scale[:, None])
        shrinkage = jnp.where(row == 0, jumps * LEAST_SHARE, 0.0)
        first_heights = jax.vmap(lowest_height, in_axes=(0, 0, None))(
            block, block_gradient, temperature
        )
        heights = jnp.where(is_first, first_heights, heights)
        added = product(weights, is_outside) / block_sums.total_weight
        shares = jnp.where(is_first, shares + added, shares)
        tilted = weighted_by_score(block, log_densities, drops)
        block_gradient = jax.vmap(add_jump)(
            block, block_gradient, whitened, drops, tilted, shrinkage
        )
        return put_block(carry, (heights, shares, block_gradient), start)

    zeros = jnp.zeros_like(mixture.log_weights)
    return lax.fori_loop(0, num_visited, visit, (zeros, zeros, gradient))[2]
