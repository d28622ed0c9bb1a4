"""Updates of the weights along their natural gradient, of which a choice sets the length."""

import dataclasses

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.weight_updaters.expected_rewards import (
    advantages_of,
    expected_rewards,
    record_rewards,
    tilt_weights,
)
from gmmvi_jax.samples.database import SampleDatabase, cache_densities
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True)
class TiltedWeights:
    """Tilts the weights by the expected rewards: log pi' ~ log pi + scale r.

    Attributes:
        self_normalized: importance weights sum to one per component, else they are plain.
    """

    self_normalized: bool = dataclasses.field(default=True, metadata={"static": True})

    def scale_of(
        self, log_weights: Array, advantages: Array, stepsize: Array, temperature: Array
    ) -> Array:
        """Returns [] the scale of the tilt.

        Args:
            log_weights: [K] log pi, -inf for slots that are not active.
            advantages: [K] expected rewards minus their weighted mean.
            stepsize: [] of this iteration.
            temperature: [] beta.
        """
        raise NotImplementedError

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: tuple[()],
        database: SampleDatabase,
        log_background: Array,
        stepsize: Array,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord, tuple[()], SampleDatabase]:
        """Updates the weights; see ``WeightUpdater``."""
        database = cache_densities(database, mixture)
        expected = expected_rewards(
            mixture, database, log_background, temperature, self.self_normalized
        )
        components = record_rewards(mixture, components, expected, temperature)
        advantages = advantages_of(mixture, expected.values)
        scale = self.scale_of(mixture.log_weights, advantages, stepsize, temperature)
        return tilt_weights(mixture, advantages, scale), components, memory, database
