"""What a weight updater must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array, PyTree


class WeightUpdater(Protocol):
    """Moves the weights, and gives every component its reward."""

    def init(self, mixture: PaddedMixture) -> PyTree:
        """Returns what the updater remembers, before the first step; see ``Memories``."""
        ...

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: PyTree,
        database: SampleDatabase,
        log_background: Array,
        stepsize: Array,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord, PyTree, SampleDatabase]:
        """Updates the weights of the active components and records the rewards.

        Args:
            mixture: with components already updated, weights not.
            components: its record; gets the new rewards.
            memory: its own, of the last iteration.
            database: its batch are the samples the components were updated with.
            log_background: [N] log b(x) of these samples.
            stepsize: [] of this iteration.
            temperature: beta, scalar.

        Returns:
            The mixture; the record; the memory; and the database with the densities of its samples
            under the updated components, see ``cache_densities``.
        """
        ...
