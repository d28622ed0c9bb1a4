"""Densities of reused samples: read from the window, which holds them all."""

import dataclasses
from functools import partial
from typing import Self

from gmmvi_jax.mixture.densities import gradient_from_terms, log_density_from_terms, precisions
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import take_block
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.densities import ChunkDensities, DrawnChunk
from gmmvi_jax.samples.window import ReuseWindow, newest_log_densities, window_background
from gmmvi_jax.samples.window_growth import add_gaussians, add_rows
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class KeptDensities:
    """See ``SampleDensities``. The newest Gaussians of the window are the mixture's."""

    window: ReuseWindow
    background: Array  # [N] log b(x)

    def scratch(self, mixture: PaddedMixture, batch: SampleBatch) -> tuple[()]:
        """Returns nothing: the densities are known."""
        del mixture, batch
        return ()

    def chunk(
        self, mixture: PaddedMixture, batch: SampleBatch, row: Array, scratch: tuple[()]
    ) -> tuple[ChunkDensities, tuple[()]]:
        """Reads the densities of a chunk."""
        size = batch.visit_size
        read = partial(newest_log_densities, self.window, mixture, row=row, size=size)
        return ChunkDensities(log_density_from_terms(mixture, read, size), read), scratch

    def drawn_scratch(self, mixture: PaddedMixture, batch: SampleBatch) -> Array:
        """Returns the inverse covariances."""
        del batch
        return precisions(mixture)

    def drawn_chunk(
        self, mixture: PaddedMixture, batch: SampleBatch, row: Array, scratch: Array
    ) -> tuple[DrawnChunk, Array]:
        """Reads the densities and the background of a chunk; the gradient takes one product."""
        size = batch.visit_size
        points, background = take_block((batch.points, self.background), row, size)
        read = partial(newest_log_densities, self.window, mixture, row=row, size=size)
        gradient = gradient_from_terms(mixture, scratch, points, read)
        return DrawnChunk(gradient, background, read), scratch

    def background_of(self, batch: SampleBatch, scratch: Array) -> Array:
        """Returns [N] log b(x)."""
        del batch, scratch
        return self.background

    def log_background(self, mixture: PaddedMixture, batch: SampleBatch) -> Array:
        """Returns [N] log b(x)."""
        del mixture, batch
        return self.background

    def first_new_row(self, batch: SampleBatch) -> Array:
        """Returns [] int32 the row behind the reused samples."""
        return batch.num_samples

    def with_draws(
        self,
        mixture: PaddedMixture,
        batch: SampleBatch,
        counts: Array,
        usable_counts: Array,
        first_row: Array,
    ) -> Self:
        """Returns the window with the new samples in it, all of them weighted anew."""
        window = add_rows(self.window, batch, mixture, counts, usable_counts, first_row)
        return self._weighted(window, batch)

    def cached(self, mixture: PaddedMixture, batch: SampleBatch) -> Self:
        """Returns the window with the updated components in it.

        The weights' update reads their densities, and so does the next iteration's selection.
        """
        return dataclasses.replace(self, window=add_gaussians(self.window, batch, mixture))

    def with_pending(self, mixture: PaddedMixture, batch: SampleBatch) -> Self:
        """Returns the window with the mixture's Gaussians in it, before they draw.

        The background is that of the samples there are.
        """
        # It is read from the matrix after the Gaussians are in: the other way round XLA would copy
        # the matrix.
        return self._weighted(add_gaussians(self.window, batch, mixture), batch)

    def _weighted(self, window: ReuseWindow, batch: SampleBatch) -> Self:
        background = window_background(window, batch, self.background)
        return dataclasses.replace(self, window=window, background=background)
