"""Sample reuse: what earlier samples are worth, and how many new ones are missing."""

import dataclasses
import math
from typing import NamedTuple, Self

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import fold_blocks, put_block, take_block
from gmmvi_jax.numerics.devices import (
    fold_own_blocks,
    highest_of,
    num_devices,
    total_of,
)
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.importance_weights import log_importance_weights
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import newest_log_densities
from gmmvi_jax.samples.window_shrinking import drop_oldest
from gmmvi_jax.typing import Array


def num_reused(reuse_ratio: float, desired_samples: int) -> int:
    """Returns floor(rho * desired), how many earlier samples to use per component."""
    return math.floor(reuse_ratio * desired_samples)


def keep_recent(
    mixture: PaddedMixture,
    densities: KeptDensities,
    batch: SampleBatch,
    num_per_component: int,
    num_incoming: Array,
) -> tuple[KeptDensities, SampleBatch]:
    """Keeps the newest earlier samples, ready to be reused.

    The mixture's Gaussians are then pending in the window, and the background is the balance
    heuristic of these samples alone.

    Args:
        mixture: the mixture before its update.
        densities: of the last iteration's batch.
        batch: of the last iteration.
        num_per_component: earlier samples per component. Of these there may be fewer: the window
            holds no more than the last iteration used, and no more than there is room for.
        num_incoming: [] int32, new samples there must be room for.
    """
    room = batch.log_target.shape[0] - batch.chunk_size
    num_kept = jnp.minimum(num_per_component * mixture.num_components, room - num_incoming)
    # Those of this mixture, and of the same after its update.
    num_incoming_gaussians = 2 * mixture.num_components
    window, batch = drop_oldest(densities.window, batch, num_kept, num_incoming_gaussians)
    return dataclasses.replace(densities, window=window).with_pending(mixture, batch), batch


class _WeightSums(NamedTuple):
    """Sums of w and w^2 over samples, relative to exp of the largest log weight so far."""

    log_scale: Array  # [...]
    total: Array  # [...]
    squares: Array  # [...]

    def add(self, log_weights: Array) -> Self:
        """Adds a chunk of samples, [..., C]."""
        log_scale = jnp.maximum(self.log_scale, jnp.max(log_weights, axis=-1))
        weights = jnp.exp(log_weights - log_scale[..., None])
        decay = jnp.exp(self.log_scale - log_scale)
        total = self.total * decay + jnp.sum(weights, axis=-1)
        squares = self.squares * decay**2 + jnp.sum(weights**2, axis=-1)
        return type(self)(log_scale, total, squares)

    def merged(self) -> Self:
        """Returns the sums over the samples of all devices."""
        if num_devices() == 1:
            return self
        log_scale = highest_of(self.log_scale)
        decay = jnp.exp(self.log_scale - log_scale)
        total, squares = total_of((self.total * decay, self.squares * decay**2))
        return type(self)(log_scale, total, squares)

    def effective_size(self) -> Array:
        """Returns [...] (sum w)^2 / sum w^2, 0 where nothing has weight."""
        has_weight = self.squares > 0.0
        return jnp.where(has_weight, self.total**2 / jnp.where(has_weight, self.squares, 1.0), 0.0)


def _no_weights(shape: tuple[int, ...], dtype: jnp.dtype) -> _WeightSums:
    zeros = jnp.zeros(shape, dtype)
    return _WeightSums(jnp.full(shape, jnp.finfo(dtype).min, dtype), zeros, zeros)


def component_sample_sizes(
    mixture: PaddedMixture, densities: KeptDensities, batch: SampleBatch
) -> Array:
    """Returns [K] the effective sample size 1 / sum w^2 of the batch under each component.

    w are the normalised importance weights N(x | o) / b(x). Source: docs/algorithm.md, "Sample
    reuse"; Arenz et al., TMLR 2023, Section 3.

    Args:
        mixture: its Gaussians are the newest of the window.
        densities: of the batch.
        batch: earlier samples.
    """
    size, block_size = batch.visit_size, mixture.block_size

    def add_chunk(row: Array, sums: _WeightSums) -> _WeightSums:
        background, usable = take_block((densities.background, batch.usable), row, size)

        def add_block(start: Array, sums: _WeightSums) -> _WeightSums:
            log_densities = newest_log_densities(densities.window, mixture, start, row, size)
            log_weights = log_importance_weights(log_densities, background, usable)
            block = take_block(sums, start, block_size)
            return put_block(sums, block.add(log_weights), start)

        return fold_blocks(mixture.num_components, block_size, add_block, sums)

    none = _no_weights(mixture.log_weights.shape, batch.log_target.dtype)
    return fold_own_blocks(batch.num_samples, size, add_chunk, none).merged().effective_size()


def mixture_sample_size(
    mixture: PaddedMixture, densities: KeptDensities, batch: SampleBatch
) -> Array:
    """Returns [] the effective sample size of the batch under the whole mixture.

    As ``component_sample_sizes``, with w ~ q(x) / b(x).
    """
    size = batch.visit_size

    def add_chunk(row: Array, sums: _WeightSums) -> _WeightSums:
        chunk, _ = densities.chunk(mixture, batch, row, ())
        background, usable = take_block((densities.background, batch.usable), row, size)
        return sums.add(log_importance_weights(chunk.log_mixture, background, usable))

    none = _no_weights((), batch.log_target.dtype)
    return fold_own_blocks(batch.num_samples, size, add_chunk, none).merged().effective_size()


def missing_samples(desired_samples: int, sample_size: Array) -> Array:
    """Returns int32 how many new samples to draw: max(1, desired - floor(effective size))."""
    missing = desired_samples - jnp.floor(sample_size).astype(jnp.int32)
    return jnp.clip(missing, 1, desired_samples)
