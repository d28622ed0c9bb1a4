"""What a component updater must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo
from gmmvi_jax.typing import Array


class ComponentUpdater(Protocol):
    """Moves every component; one whose step fails stays where it is, and is counted."""

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        gradient: NaturalGradient,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord, UpdateInfo]:
        """Updates means and covariances of the active components.

        Args:
            mixture: the mixture before the update.
            components: its record, with this iteration's stepsizes.
            gradient: whitened natural gradients.
            temperature: beta, scalar.
        """
        ...
