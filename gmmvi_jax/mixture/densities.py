"""Log densities of the trained mixture, and their gradients.

Every pass visits blocks of active components only, and nothing of size samples x capacity is
held. The loops have traced trip counts, which reverse-mode differentiation does not support; the
gradient with respect to x is therefore written out.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import (
    fold_blocks,
    live_rows,
    put_block,
    take_block,
    take_row,
)
from gmmvi_jax.numerics.forms.record import CentredPoints, centre_points
from gmmvi_jax.numerics.gaussian import block_log_densities, weighted_by_score, whiten_block
from gmmvi_jax.numerics.log_sum import LogSum, add_terms, empty_log_sum
from gmmvi_jax.typing import Array, PyTree


def _live_log_weights(mixture: PaddedMixture, log_weights: Array, start: Array) -> Array:
    """Returns [B] the log weights of a block, -inf for slots that are not active."""
    size = mixture.block_size
    live = live_rows(start, size, mixture.num_components)
    return jnp.where(live, take_block(log_weights, start, size), -jnp.inf)


def _centre(mixture: PaddedMixture, points: Array) -> CentredPoints:
    """Returns the points relative to the mean of the heaviest component.

    An outlier's mean would cost float32 digits. Centring once for all blocks is a third faster than
    centring and transposing the points in every block.
    """
    heaviest = jnp.argmax(jnp.where(mixture.active, mixture.log_weights, -jnp.inf))
    centre = take_row(mixture.gaussians.mean, heaviest.astype(jnp.int32))
    return centre_points(points, centre)


def log_density(mixture: PaddedMixture, log_weights: Array, points: Array) -> Array:
    """Returns [C] log sum_o w_o N(x | o) of one chunk of points, streaming over blocks.

    Args:
        mixture: provides the Gaussians.
        log_weights: [K] the weights w_o: the mixture's own, or those of the background density that
            generated the samples. -inf is a weight of 0.
        points: [C, D].
    """

    def add_block(start: Array, log_sum: LogSum) -> LogSum:
        block = take_block(mixture.gaussians, start, mixture.block_size)
        log_densities = block_log_densities(block, whiten_block(block, centred))
        log_terms = log_densities + _live_log_weights(mixture, log_weights, start)[:, None]
        return add_terms(log_sum, log_terms)[0]

    centred = _centre(mixture, points)
    empty = empty_log_sum(points.shape[0], points.dtype)
    log_sum = fold_blocks(mixture.num_components, mixture.block_size, add_block, empty)
    return log_sum.log()


def log_density_and_terms(
    mixture: PaddedMixture, points: Array, buffer: Array
) -> tuple[Array, Array]:
    """Returns [C] log q(x), and [K, C] log N(x | o) in the rows of the active components.

    Args:
        mixture: the mixture.
        points: [C, D].
        buffer: [K, C], overwritten in those rows (and in the rest of their last block).
    """

    def add_block(start: Array, carry: tuple[LogSum, Array]) -> tuple[LogSum, Array]:
        log_sum, buffer = carry
        block = take_block(mixture.gaussians, start, mixture.block_size)
        log_densities = block_log_densities(block, whiten_block(block, centred))
        log_weights = _live_log_weights(mixture, mixture.log_weights, start)
        log_sum, _, _ = add_terms(log_sum, log_densities + log_weights[:, None])
        return log_sum, put_block(buffer, log_densities, start)

    centred = _centre(mixture, points)
    empty = empty_log_sum(points.shape[0], points.dtype)
    log_sum, buffer = fold_blocks(
        mixture.num_components, mixture.block_size, add_block, (empty, buffer)
    )
    return log_sum.log(), buffer


_GradientCarry = tuple[LogSum, LogSum, Array, Array]


def gradient_terms_and_background(
    mixture: PaddedMixture, points: Array, buffer: Array, log_shares: Array
) -> tuple[Array, Array, Array]:
    """Returns [C, D] the gradient of log q(x) in x, [K, C] log N(x | o), and [C] log b(x).

    grad log q(x) = -sum_o p(o | x) L_o^-T z_o, with z_o the whitened point (and rho of
    ``weighted_by_score`` in the tails of a Student-t); the sum over a block is one matrix product
    over its stacked inverse factors.

    Args:
        mixture: the mixture.
        points: [C, D].
        buffer: [K, C], overwritten in the rows of the active components (and in the rest of
            their last block).
        log_shares: [K] weights that mix the same Gaussians to b.
    """

    def add_block(start: Array, carry: _GradientCarry) -> _GradientCarry:
        log_sum, background, gradient, buffer = carry
        block = take_block(mixture.gaussians, start, mixture.block_size)
        whitened = whiten_block(block, centred)
        log_densities = block_log_densities(block, whitened)
        log_weights = _live_log_weights(mixture, mixture.log_weights, start)
        log_sum, terms, decay = add_terms(log_sum, log_densities + log_weights[:, None])
        scores = weighted_by_score(block, log_densities, terms)
        pulled = mixture.form.pull_back(block, whitened * scores[:, None, :])
        gradient = gradient * decay - pulled
        shares = _live_log_weights(mixture, log_shares, start)
        background = add_terms(background, log_densities + shares[:, None])[0]
        return log_sum, background, gradient, put_block(buffer, log_densities, start)

    centred = _centre(mixture, points)
    empty = empty_log_sum(points.shape[0], points.dtype)
    log_sum, background, gradient, buffer = fold_blocks(
        mixture.num_components,
        mixture.block_size,
        add_block,
        (empty, empty, jnp.zeros_like(points.T), buffer),
    )
    return (gradient / log_sum.total).T, buffer, background.log()


def precisions(mixture: PaddedMixture) -> PyTree:
    """Returns the inverse covariances of the active components, stacked, as the form has them."""

    def square_block(start: Array, matrices: PyTree) -> PyTree:
        block = take_block(mixture.gaussians, start, mixture.block_size)
        return put_block(matrices, mixture.form.precisions(block), start)

    shapes = jax.eval_shape(mixture.form.precisions, mixture.gaussians)
    empty = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    return fold_blocks(mixture.num_components, mixture.block_size, square_block, empty)


def _log_terms(mixture: PaddedMixture, log_densities: Array, start: Array) -> Array:
    """Returns [B, C] log pi_o N(x | o) of a block; values of inactive slots are ignored."""
    log_weights = _live_log_weights(mixture, mixture.log_weights, start)[:, None]
    return jnp.where(log_weights > -jnp.inf, log_densities + log_weights, -jnp.inf)


def log_density_from_terms(
    mixture: PaddedMixture, read: Callable[[Array], Array], num_points: int
) -> Array:
    """Returns [C] log q(x) from known densities of the components.

    Args:
        mixture: the mixture.
        read: start to [B, C] log N(x | o) of a block of components.
        num_points: C.
    """

    def add_block(start: Array, log_sum: LogSum) -> LogSum:
        return add_terms(log_sum, _log_terms(mixture, read(start), start))[0]

    empty = empty_log_sum(num_points, mixture.log_weights.dtype)
    return fold_blocks(mixture.num_components, mixture.block_size, add_block, empty).log()


def gradient_from_terms(
    mixture: PaddedMixture,
    inverse_covariances: PyTree,
    points: Array,
    read: Callable[[Array], Array],
) -> Array:
    """Returns [C, D] the gradient of log q(x) in x from known densities of the components.

    grad log q(x) = -sum_o p(o | x) Lambda_o (x - mu_o): one product per component instead of the
    two of ``gradient_terms_and_background``, which has to whiten for the densities.

    Args:
        mixture: the mixture.
        inverse_covariances: [K, ...] of it, see ``precisions``.
        points: [C, D].
        read: start to [B, C] log N(x | o) of a block of components.
    """
    size, columns = mixture.block_size, points.T

    def add_block(start: Array, carry: tuple[LogSum, Array]) -> tuple[LogSum, Array]:
        log_sum, gradient = carry
        block, precision = take_block((mixture.gaussians, inverse_covariances), start, size)
        log_densities = read(start)
        log_terms = _log_terms(mixture, log_densities, start)
        log_sum, terms, decay = add_terms(log_sum, log_terms)
        scores = weighted_by_score(block, log_densities, terms)
        weighted = (columns - block.mean[:, :, None]) * scores[:, None, :]
        return log_sum, gradient * decay - mixture.form.pull_back_by(precision, weighted)

    empty = (empty_log_sum(points.shape[0], points.dtype), jnp.zeros_like(columns))
    log_sum, gradient = fold_blocks(mixture.num_components, size, add_block, empty)
    return (gradient / log_sum.total).T
