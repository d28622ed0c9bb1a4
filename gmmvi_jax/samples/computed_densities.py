"""Densities of samples that are used once: computed where they are asked for."""

import dataclasses
from functools import partial
from typing import Self

import jax.numpy as jnp

from gmmvi_jax.mixture.densities import (
    gradient_terms_and_background,
    log_density,
    log_density_and_terms,
)
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import put_block, take_block
from gmmvi_jax.numerics.devices import merged_rows, write_rows
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.densities import ChunkDensities, DrawnChunk
from gmmvi_jax.typing import Array

_DrawnScratch = tuple[Array, Array]  # [K, C] log N(x | o) of one chunk, [N] log b(x)


@register_pytree
@dataclasses.dataclass(frozen=True)
class ComputedDensities:
    """See ``SampleDensities``. All samples of the batch were drawn in this iteration.

    b(x) mixes the components as they drew, so it takes no density that log q(x) does not.
    """

    log_shares: Array  # [K] log of each component's share of the usable samples

    def scratch(self, mixture: PaddedMixture, batch: SampleBatch) -> Array:
        """Returns [K, C], room for the densities of one chunk."""
        return jnp.zeros((mixture.capacity, batch.visit_size), mixture.log_weights.dtype)

    def chunk(
        self, mixture: PaddedMixture, batch: SampleBatch, row: Array, scratch: Array
    ) -> tuple[ChunkDensities, Array]:
        """Computes the densities of a chunk."""
        points = take_block(batch.points, row, batch.visit_size)
        # What depends on log q needs all components first: their densities are held.
        log_mixture, scratch = log_density_and_terms(mixture, points, scratch)
        read = partial(take_block, scratch, size=mixture.block_size)
        return ChunkDensities(log_mixture, read), scratch

    def drawn_scratch(self, mixture: PaddedMixture, batch: SampleBatch) -> _DrawnScratch:
        """Returns room for the densities of one chunk, and for the background of all."""
        return self.scratch(mixture, batch), jnp.zeros_like(batch.log_target)

    def drawn_chunk(
        self, mixture: PaddedMixture, batch: SampleBatch, row: Array, scratch: _DrawnScratch
    ) -> tuple[DrawnChunk, _DrawnScratch]:
        """Computes densities, gradient and background of a chunk in one pass."""
        terms, backgrounds = scratch
        points = take_block(batch.points, row, batch.visit_size)
        gradient, terms, background = gradient_terms_and_background(
            mixture, points, terms, self.log_shares
        )
        read = partial(take_block, terms, size=mixture.block_size)
        chunk = DrawnChunk(gradient, background, read)
        return chunk, (terms, put_block(backgrounds, background, row))

    def background_of(self, batch: SampleBatch, scratch: _DrawnScratch) -> Array:
        """Returns [N] log b(x), as the chunks left it."""
        nothing = jnp.zeros_like(scratch[1])
        return merged_rows(nothing, scratch[1], batch.num_samples, batch.visit_size)

    def log_background(self, mixture: PaddedMixture, batch: SampleBatch) -> Array:
        """Computes [N] log b(x)."""

        def weigh(start: Array, background: Array) -> Array:
            points = take_block(batch.points, start, batch.visit_size)
            return put_block(background, log_density(mixture, self.log_shares, points), start)

        nothing = jnp.zeros_like(batch.log_target)
        return write_rows(batch.num_samples, batch.visit_size, weigh, nothing)

    def first_new_row(self, batch: SampleBatch) -> Array:
        """Returns [] 0: all samples are new."""
        del batch
        return jnp.zeros((), jnp.int32)

    def with_draws(
        self,
        mixture: PaddedMixture,
        batch: SampleBatch,
        counts: Array,
        usable_counts: Array,
        first_row: Array,
    ) -> Self:
        """Returns the shares of the components that drew."""
        del mixture, counts, first_row
        num_usable = jnp.maximum(batch.num_usable, 1)
        shares = usable_counts.astype(batch.points.dtype) / num_usable
        return dataclasses.replace(self, log_shares=jnp.log(shares))

    def cached(self, mixture: PaddedMixture, batch: SampleBatch) -> Self:
        """Returns itself: nothing is kept."""
        del mixture, batch
        return self
