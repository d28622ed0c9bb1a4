"""What a weight updater must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, WeightRecord
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array


class WeightUpdater(Protocol):
    """Moves the weights, and gives every component its reward."""

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        database: SampleDatabase,
        weights: WeightRecord,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord]:
        """Updates the weights of the active components and records the rewards.

        Args:
            mixture: with components already updated, weights not.
            components: its record; gets the new rewards.
            database: its batch are the samples the components were updated with; with a window,
                its newest Gaussians are the updated ones.
            weights: with this iteration's stepsize.
            temperature: beta, scalar.
        """
        ...
