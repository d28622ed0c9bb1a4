"""The mixture that is trained: capacity K, of which the first slots are active.

Every pass visits blocks of active components only, and nothing of size samples x capacity is
held. The loops have traced trip counts and hence no reverse mode: the gradient with respect
to x is written out. The public, differentiable mixture is ``gmmvi_jax.gmm.GMM``.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.block_sizes import block_sizes
from gmmvi_jax.numerics.blocks import (
    fold_blocks,
    live_rows,
    put_block,
    round_up,
    take_block,
    take_row,
)
from gmmvi_jax.numerics.gaussian import (
    CentredPoints,
    Gaussian,
    block_log_densities,
    centre_points,
    is_diagonal,
    whiten_block,
)
from gmmvi_jax.numerics.log_sum import LogSum, add_terms, empty_log_sum
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.standard_normal import standard_normal_rows
from gmmvi_jax.pytree import register_pytree
from gmmvi_jax.typing import Array, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True)
class PaddedMixture:
    """A Gaussian mixture in buffers of fixed capacity.

    Active components are always the first ``num_components`` slots. The slots behind them
    hold finite Gaussians that mean nothing, so that a partly filled last block can be computed
    and masked; their log weight is -inf.
    """

    log_weights: Array  # [K] normalised over the active slots
    gaussians: Gaussian  # stacked, K leading
    num_components: Array  # [] int32
    max_components: int = dataclasses.field(metadata={"static": True})
    block_size: int = dataclasses.field(metadata={"static": True})

    @property
    def capacity(self) -> int:
        """The number of slots K: ``max_components`` rounded up to whole blocks."""
        return self.log_weights.shape[0]

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return self.gaussians.mean.shape[-1]

    @property
    def is_diagonal(self) -> bool:
        """Whether the covariances are diagonal."""
        return is_diagonal(self.gaussians)

    @property
    def active(self) -> Array:
        """[K] which slots are active."""
        return jnp.arange(self.capacity, dtype=jnp.int32) < self.num_components


def _live_log_weights(mixture: PaddedMixture, log_weights: Array, start: Array) -> Array:
    """Returns [B] the log weights of a block, -inf for slots that are not active."""
    size = mixture.block_size
    live = live_rows(start, size, mixture.num_components)
    return jnp.where(live, take_block(log_weights, start, size), -jnp.inf)


def _pull_back(matrices: Array, columns: Array) -> Array:
    """Returns [D, C] sum_b A_b^T Y_b of a block, as one product over its stacked matrices.

    Args:
        matrices: [B, D, D] A, or [B, D] the diagonals of diagonal ones.
        columns: [B, D, C] Y.
    """
    if matrices.ndim == 2:
        return jnp.sum(columns * matrices[:, :, None], axis=0)
    size, dim, num_points = columns.shape
    return product(matrices.reshape(size * dim, dim).T, columns.reshape(size * dim, num_points))


def _centre(mixture: PaddedMixture, points: Array) -> CentredPoints:
    """Returns the points relative to the mean of the heaviest component: no stray one's.

    Once for all blocks: a product of factors and columns that both lie ready is a third faster than
    one that has to centre and transpose the points of each block by itself.
    """
    heaviest = jnp.argmax(jnp.where(mixture.active, mixture.log_weights, -jnp.inf))
    centre = take_row(mixture.gaussians.mean, heaviest.astype(jnp.int32))
    return centre_points(points, centre)


def log_density(mixture: PaddedMixture, log_weights: Array, points: Array) -> Array:
    """Returns [C] log sum_o w_o N(x | o) of one chunk of points, streaming over blocks.

    Args:
        mixture: whose Gaussians are meant.
        log_weights: [K] weights to mix them with: the mixture's own, or those of the
            background density that generated the samples. -inf is no weight.
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


_GradientCarry = tuple[LogSum, LogSum | None, Array, Array]


def log_density_gradient_and_terms(
    mixture: PaddedMixture, points: Array, buffer: Array, log_shares: Array | None = None
) -> tuple[Array, Array, Array, Array | None]:
    """Returns [C] log q(x), [C, D] its gradient in x, [K, C] log N(x | o), and [C] log b(x).

    grad log q(x) = -sum_o p(o | x) L_o^-T z_o, with z_o the whitened point; the sum over a
    block is one matrix product over its stacked inverse factors.

    Args:
        mixture: the mixture.
        points: [C, D].
        buffer: [K, C], overwritten in the rows of the active components (and in the rest of
            their last block).
        log_shares: [K] weights that mix the same Gaussians to b; None: there is no b, nor is it
            computed.
    """

    def add_block(start: Array, carry: _GradientCarry) -> _GradientCarry:
        log_sum, background, gradient, buffer = carry
        block = take_block(mixture.gaussians, start, mixture.block_size)
        whitened = whiten_block(block, centred)
        log_densities = block_log_densities(block, whitened)
        log_weights = _live_log_weights(mixture, mixture.log_weights, start)
        log_sum, terms, decay = add_terms(log_sum, log_densities + log_weights[:, None])
        gradient = gradient * decay - _pull_back(block.inverse_factor, whitened * terms[:, None, :])
        if background is not None and log_shares is not None:
            shares = _live_log_weights(mixture, log_shares, start)
            background = add_terms(background, log_densities + shares[:, None])[0]
        return log_sum, background, gradient, put_block(buffer, log_densities, start)

    centred = _centre(mixture, points)
    empty = empty_log_sum(points.shape[0], points.dtype)
    log_sum, background, gradient, buffer = fold_blocks(
        mixture.num_components,
        mixture.block_size,
        add_block,
        (empty, None if log_shares is None else empty, jnp.zeros_like(points.T), buffer),
    )
    log_background = None if background is None else background.log()
    return log_sum.log(), (gradient / log_sum.total).T, buffer, log_background


def precisions(mixture: PaddedMixture) -> Array:
    """Returns [K, D, D] the inverse covariances of the active components ([K, D] diagonal ones)."""

    def square_block(start: Array, matrices: Array) -> Array:
        roots = take_block(mixture.gaussians.inverse_factor, start, mixture.block_size)
        squares = roots**2 if mixture.is_diagonal else product(jnp.swapaxes(roots, 1, 2), roots)
        return put_block(matrices, squares, start)

    empty = jnp.zeros_like(mixture.gaussians.inverse_factor)
    return fold_blocks(mixture.num_components, mixture.block_size, square_block, empty)


def _read_log_terms(mixture: PaddedMixture, read: Callable[[Array], Array], start: Array) -> Array:
    """Returns [B, C] log pi_o N(x | o) of a block; ``read`` may give anything of dead slots."""
    log_weights = _live_log_weights(mixture, mixture.log_weights, start)[:, None]
    return jnp.where(log_weights > -jnp.inf, read(start) + log_weights, -jnp.inf)


def log_density_from_terms(
    mixture: PaddedMixture, read: Callable[[Array], Array], num_points: int
) -> Array:
    """Returns [C] log q(x) where the components' densities are known.

    Args:
        mixture: the mixture.
        read: start to [B, C] log N(x | o) of a block of components.
        num_points: C.
    """

    def add_block(start: Array, log_sum: LogSum) -> LogSum:
        return add_terms(log_sum, _read_log_terms(mixture, read, start))[0]

    empty = empty_log_sum(num_points, mixture.log_weights.dtype)
    return fold_blocks(mixture.num_components, mixture.block_size, add_block, empty).log()


def gradient_from_terms(
    mixture: PaddedMixture,
    inverse_covariances: Array,
    points: Array,
    read: Callable[[Array], Array],
) -> Array:
    """Returns [C, D] the gradient of log q(x) in x where the components' densities are known.

    grad log q(x) = -sum_o p(o | x) Lambda_o (x - mu_o): one product per component instead of the
    two of ``log_density_gradient_and_terms``, which has to whiten for the densities.

    Args:
        mixture: the mixture.
        inverse_covariances: [K, ...] of it, see ``precisions``.
        points: [C, D].
        read: start to [B, C] log N(x | o) of a block of components.
    """
    size, columns = mixture.block_size, points.T

    def add_block(start: Array, carry: tuple[LogSum, Array]) -> tuple[LogSum, Array]:
        log_sum, gradient = carry
        means, block = take_block((mixture.gaussians.mean, inverse_covariances), start, size)
        log_sum, terms, decay = add_terms(log_sum, _read_log_terms(mixture, read, start))
        weighted = (columns - means[:, :, None]) * terms[:, None, :]
        return log_sum, gradient * decay - _pull_back(block, weighted)

    empty = (empty_log_sum(points.shape[0], points.dtype), jnp.zeros_like(columns))
    log_sum, gradient = fold_blocks(mixture.num_components, size, add_block, empty)
    return (gradient / log_sum.total).T


class Draws(NamedTuple):
    """Samples, and what drew them."""

    points: Array  # [N, D]
    origins: Array  # [N] int32, which component drew each


def no_draws(num_rows: int, dim: int, dtype: jnp.dtype) -> Draws:
    """Returns buffers for ``num_rows`` draws."""
    return Draws(jnp.zeros((num_rows, dim), dtype), jnp.zeros(num_rows, jnp.int32))


def draw(
    key: PRNGKey,
    gaussians: Gaussian,
    counts: Array,
    buffers: Draws,
    chunk_size: int,
    segment_size: int,
    first_row: Array | int = 0,
) -> Draws:
    """Draws ``counts[o]`` samples from every Gaussian, in the order of the Gaussians.

    What is drawn depends on the key, the counts and ``chunk_size``, not on the capacities.

    Args:
        key: a PRNG key.
        gaussians: stacked, [K, ...].
        counts: [K] int32.
        buffers: [N, D] are overwritten from ``first_row`` on; behind the last sample they must hold
            another ``chunk_size`` rows, since rows are visited in slices that start anywhere.
        chunk_size: rows of noise drawn from one key.
        segment_size: rows transformed by one product, at most ``chunk_size``; best about the
            usual count.
        first_row: where the first sample goes.

    Returns:
        The buffers, with the samples in ``counts.sum()`` of their rows.
    """
    dim = buffers.points.shape[1]
    diagonal = is_diagonal(gaussians)

    def fill(offset: Array, noise: Array) -> Array:
        chunk_key = jax.random.fold_in(key, offset // chunk_size)
        chunk = standard_normal_rows(chunk_key, chunk_size, dim, noise.dtype)
        return put_block(noise, chunk, first_row + offset)

    def place_component(index: Array, carry: tuple[Draws, Array]) -> tuple[Draws, Array]:
        draws, first = carry
        gaussian, count = take_row((gaussians, counts), index)

        def place_rows(offset: Array, draws: Draws) -> Draws:
            noise, others = take_block(draws, first + offset, segment_size)
            scaled = noise * gaussian.factor if diagonal else product(noise, gaussian.factor.T)
            own = live_rows(offset, segment_size, count)
            points = jnp.where(own[:, None], gaussian.mean + scaled, noise)
            return put_block(draws, Draws(points, jnp.where(own, index, others)), first + offset)

        return fold_blocks(count, segment_size, place_rows, draws), first + count

    noise = fold_blocks(jnp.sum(counts, dtype=jnp.int32), chunk_size, fill, buffers.points)
    slots = jnp.arange(counts.shape[0], dtype=jnp.int32)
    num_sources = jnp.max(jnp.where(counts > 0, slots + 1, 0))
    empty = (Draws(noise, buffers.origins), jnp.asarray(first_row, jnp.int32))
    return fold_blocks(num_sources, 1, place_component, empty)[0]


def draw_counts(
    key: PRNGKey, mixture: PaddedMixture, num_samples: Array | int, max_samples: int
) -> Array:
    """Returns [K] int32 how many of ``num_samples`` draws from the mixture each component makes.

    Args:
        key: a PRNG key.
        mixture: the mixture.
        num_samples: [] int32, at most ``max_samples``.
        max_samples: how many random numbers are drawn.
    """
    cumulative = jnp.cumsum(jnp.exp(mixture.log_weights))
    uniform = jax.random.uniform(key, (max_samples,), cumulative.dtype) * cumulative[-1]
    # The first component whose cumulative weight exceeds the number; ones without weight never.
    origins = jnp.searchsorted(cumulative, uniform, side="right").astype(jnp.int32)
    origins = jnp.minimum(origins, mixture.num_components - 1)
    is_drawn = jnp.arange(max_samples, dtype=jnp.int32) < num_samples
    counts = jnp.zeros(mixture.capacity, jnp.int32)
    return counts.at[origins].add(is_drawn.astype(jnp.int32))


def stratified_counts(key: PRNGKey, mixture: PaddedMixture, num_samples: int) -> Array:
    """Returns [K] int32 counts that sum to ``num_samples`` and are what each weight asks for.

    Every count is num_samples * pi_o, rounded up or down at random such that it is so on average
    (systematic resampling): means over the samples are unbiased, with no more variance than
    those over independent draws.

    Args:
        key: a PRNG key.
        mixture: the mixture.
        num_samples: how many.
    """
    cumulative = jnp.cumsum(jnp.exp(mixture.log_weights))
    shift = jax.random.uniform(key, (), cumulative.dtype)
    ends = jnp.floor(num_samples * (cumulative / cumulative[-1]) + shift).astype(jnp.int32)
    return jnp.diff(ends, prepend=0)


def to_gmm(mixture: PaddedMixture) -> GMM:
    """Returns the active components as a public ``GMM`` (host only)."""
    count = int(mixture.num_components)

    def take(buffer: Array) -> Array:
        # By numpy: a slice of JAX would be a program of its own for every number of components.
        return jnp.array(np.asarray(buffer)[:count])

    return GMM(
        log_weights=take(mixture.log_weights),
        means=take(mixture.gaussians.mean),
        factors=take(mixture.gaussians.factor),
    )


def from_gmm(gmm: GMM, max_components: int, block_size: int | None = None) -> PaddedMixture:
    """Returns a padded mixture with the components of ``gmm`` in its first slots.

    Args:
        gmm: the mixture, at most ``max_components`` components.
        max_components: how many there can ever be.
        block_size: components per block; None: what the default backend is best with.

    Raises:
        ValueError: the mixture has more.
    """
    count, dim = gmm.means.shape
    if count > max_components:
        raise ValueError(
            f"the mixture has {count} components, but max_components is {max_components}; raise it."
        )
    if block_size is None:
        block_size = block_sizes(dim, max_components).components
    capacity = round_up(max_components, block_size)
    dtype = gmm.means.dtype
    diagonal = gmm.factors.ndim == 2
    unit = jnp.ones(dim, dtype) if diagonal else jnp.eye(dim, dtype=dtype)
    lower = gmm.factors if diagonal else jnp.tril(gmm.factors)  # a GMM never reads the rest
    factors = jnp.broadcast_to(unit, (capacity, *unit.shape)).at[:count].set(lower)
    inverse = (
        1.0 / factors
        if diagonal
        else jax.scipy.linalg.solve_triangular(
            factors, jnp.broadcast_to(unit, factors.shape), lower=True
        )
    )
    return PaddedMixture(
        log_weights=jnp.full(capacity, -jnp.inf, dtype).at[:count].set(gmm.log_weights),
        gaussians=Gaussian(
            mean=jnp.zeros((capacity, dim), dtype).at[:count].set(gmm.means),
            factor=factors,
            inverse_factor=inverse,
        ),
        num_components=jnp.asarray(count, jnp.int32),
        max_components=max_components,
        block_size=block_size,
    )
