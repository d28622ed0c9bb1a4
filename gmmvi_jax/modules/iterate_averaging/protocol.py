"""The averaging of iterates, by contract."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.typing import PyTree


class IterateAveraging(Protocol):
    """Makes the mixture that a fit returns of those that the steps went through.

    It watches: nothing of the algorithm reads its memory, so that a run takes the same steps
    whatever is averaged.
    """

    def init(self, mixture: PaddedMixture) -> PyTree:
        """Returns the memory for this mixture, see ``modules.records.Memories``."""
        ...

    def __call__(
        self,
        before: PaddedMixture,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: PyTree,
    ) -> PyTree:
        """Returns the memory with an iterate taken in.

        Args:
            before: the mixture before the updates of this iteration, in the same slots.
            mixture: the one after them; no component has come or gone yet.
            components: record of the updates.
            memory: of the iterations so far.
        """
        ...

    def average(self, mixture: PaddedMixture, memory: PyTree) -> PaddedMixture:
        """Returns the mixture that a fit returns.

        Args:
            mixture: the last iterate.
            memory: its memory, in the same slots.
        """
        ...
