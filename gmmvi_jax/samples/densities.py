"""What estimators and updaters ask of the components' densities at the samples in use."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.typing import Array, PyTree


class ChunkDensities(NamedTuple):
    """The densities of a chunk of samples under a mixture."""

    log_mixture: Array  # [C] log q(x)
    # The first component of a block to [B, C] log N(x | o); anything for slots that are not active.
    component_log_densities: Callable[[Array], Array]


class DrawnChunk(NamedTuple):
    """The densities of a chunk of samples under the mixture that drew the newest of them."""

    mixture_gradient: Array  # [C, D] the gradient of log q(x) in x
    log_background: Array  # [C] log b(x)
    component_log_densities: Callable[[Array], Array]  # as of ChunkDensities


class SampleDensities(Protocol):
    """Answers for the densities of the samples in use, chunk by chunk.

    They are computed, or were kept. b(x), the background, is the density of the mixture of all
    Gaussians that generated the samples, each weighted by its share of the usable ones: the balance
    heuristic. Source: Veach and Guibas 1995; Arenz et al., TMLR 2023, Section 3.

    A loop over chunks carries the scratch memory.
    """

    def scratch(self, mixture: PaddedMixture, batch: SampleBatch) -> PyTree:
        """Returns what a loop over ``chunk`` carries."""
        ...

    def chunk(
        self, mixture: PaddedMixture, batch: SampleBatch, row: Array, scratch: PyTree
    ) -> tuple[ChunkDensities, PyTree]:
        """Returns the densities of a chunk under the mixture as it is now.

        Args:
            mixture: before or after the update of its components, then see ``cached``.
            batch: the samples.
            row: first row of the chunk.
            scratch: see there.
        """
        ...

    def drawn_scratch(self, mixture: PaddedMixture, batch: SampleBatch) -> PyTree:
        """Returns what a loop over ``drawn_chunk`` carries."""
        ...

    def drawn_chunk(
        self, mixture: PaddedMixture, batch: SampleBatch, row: Array, scratch: PyTree
    ) -> tuple[DrawnChunk, PyTree]:
        """Returns densities, gradient and background of a chunk before the components' update."""
        ...

    def background_of(self, batch: SampleBatch, scratch: PyTree) -> Array:
        """Returns [N] log b(x) after ``drawn_chunk`` has visited all chunks."""
        ...

    def log_background(self, mixture: PaddedMixture, batch: SampleBatch) -> Array:
        """Returns [N] log b(x) before the components' update, by a pass of its own if need be."""
        ...

    def first_new_row(self, batch: SampleBatch) -> Array:
        """Returns [] int32, the row of the batch where this iteration's samples begin."""
        ...

    def with_draws(
        self,
        mixture: PaddedMixture,
        batch: SampleBatch,
        counts: Array,
        usable_counts: Array,
        first_row: Array,
    ) -> Self:
        """Returns the densities once the mixture has drawn the newest samples of the batch.

        Args:
            mixture: that drew them.
            batch: with the new samples in it.
            counts: [K] int32 how many each component drew.
            usable_counts: [K] int32 those of them that are usable.
            first_row: [] int32 of the new samples.
        """
        ...

    def cached(self, mixture: PaddedMixture, batch: SampleBatch) -> Self:
        """Returns the densities of the batch under the updated components, if they are kept."""
        ...
