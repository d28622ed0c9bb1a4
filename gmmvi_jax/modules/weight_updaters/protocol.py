"""What a weight updater must do."""

from typing import Protocol

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.records import ComponentRecord, SampleBatch, WeightRecord
from gmmvi_jax.typing import Array


class WeightUpdater(Protocol):
    """Moves the weights, and gives every component its reward."""

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        batch: SampleBatch,
        weights: WeightRecord,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord]:
        """Updates the weights of the active components and records the rewards.

        Args:
            mixture: with components already updated, weights not.
            components: its record; gets the new rewards.
            batch: the samples the components were updated with.
            weights: with this iteration's stepsize.
            temperature: beta, scalar.
        """
        ...
