"""What a component updater must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo
from gmmvi_jax.typing import Array, PyTree


class ComponentUpdater(Protocol):
    """Moves every component; one whose step fails stays where it is, and is counted."""

    def init(self, mixture: PaddedMixture) -> PyTree:
        """Returns what the updater remembers, before the first step; see ``Memories``."""
        ...

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: PyTree,
        gradient: NaturalGradient,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord, PyTree, UpdateInfo]:
        """Updates means and covariances of the active components.

        Args:
            mixture: the mixture before the update.
            components: its record, with this iteration's stepsizes.
            memory: its own, of the last iteration.
            gradient: whitened natural gradients.
            temperature: beta, scalar.
        """
        ...
