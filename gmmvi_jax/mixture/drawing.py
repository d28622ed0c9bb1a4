"""Sampling from the components of the mixture in training."""

from typing import NamedTuple

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
from gmmvi_jax.numerics.forms.choice import form_of
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.gaussian import noise_widths
from gmmvi_jax.numerics.standard_normal import standard_normal_rows
from gmmvi_jax.typing import Array, PRNGKey


class Draws(NamedTuple):
    """Samples and the components that drew them."""

    points: Array  # [N, D]
    origins: Array  # [N] int32, the component that drew each sample


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

    The samples depend on the key, the counts and ``chunk_size``, not on the capacities.

    Args:
        key: a PRNG key.
        gaussians: stacked, [K, ...].
        counts: [K] int32.
        buffers: [N, D] are overwritten from ``first_row`` on. They need ``chunk_size`` spare rows
            after the last sample, since slices may start anywhere.
        chunk_size: rows of noise drawn from one key.
        segment_size: rows transformed by one product, at most ``chunk_size``; best close to the
            typical count.
        first_row: row of the first sample.

    Returns:
        The buffers, with ``counts.sum()`` new samples.
    """
    dim = buffers.points.shape[1]
    form = form_of(gaussians)

    def fill(offset: Array, noise: Array) -> Array:
        chunk_key = jax.random.fold_in(key, offset // chunk_size)
        chunk = standard_normal_rows(chunk_key, chunk_size, dim, noise.dtype)
        return put_block(noise, chunk, first_row + offset)

    def place_component(index: Array, carry: tuple[Draws, Array]) -> tuple[Draws, Array]:
        draws, first = carry
        gaussian, count = take_row((gaussians, counts), index)

        def place_rows(offset: Array, draws: Draws) -> Draws:
            noise, others = take_block(draws, first + offset, segment_size)
            wide = noise * noise_widths(key, first + offset, gaussian, segment_size)
            scaled = form.colour(gaussian.factor, wide)
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
    """Returns [K] int32 the number of samples from each component, for draws from the mixture.

    Args:
        key: a PRNG key.
        mixture: the mixture.
        num_samples: [] int32, the sum of the counts, at most ``max_samples``.
        max_samples: number of random numbers to draw.
    """
    cumulative = jnp.cumsum(jnp.exp(mixture.log_weights))
    uniform = jax.random.uniform(key, (max_samples,), cumulative.dtype) * cumulative[-1]
    # The first component whose cumulative weight exceeds the number; never one of weight 0.
    origins = jnp.searchsorted(cumulative, uniform, side="right").astype(jnp.int32)
    origins = jnp.minimum(origins, mixture.num_components - 1)
    is_drawn = jnp.arange(max_samples, dtype=jnp.int32) < num_samples
    counts = jnp.zeros(mixture.capacity, jnp.int32)
    return counts.at[origins].add(is_drawn.astype(jnp.int32))


def stratified_counts(key: PRNGKey, mixture: PaddedMixture, num_samples: int) -> Array:
    """Returns [K] int32 counts proportional to the weights that sum to ``num_samples``.

    Systematic resampling: every count is num_samples * pi_o, randomly rounded up or down such that
    it has this expectation. Means over the samples are unbiased, with no more variance than those
    of independent draws.

    Args:
        key: a PRNG key.
        mixture: the mixture.
        num_samples: the sum of the counts.
    """
    cumulative = jnp.cumsum(jnp.exp(mixture.log_weights))
    shift = jax.random.uniform(key, (), cumulative.dtype)
    ends = jnp.floor(num_samples * (cumulative / cumulative[-1]) + shift).astype(jnp.int32)
    return jnp.diff(ends, prepend=0)
