"""What an adaptation of the number of components must do."""

from typing import NamedTuple, Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import AdaptationInfo, ComponentRecord, Memories
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.typing import Array, LogDensity, PRNGKey, PyTree


class Adapted(NamedTuple):
    """The outcome of an adaptation."""

    mixture: PaddedMixture
    components: ComponentRecord
    memories: Memories
    info: AdaptationInfo


class Remembered(NamedTuple):
    """All that moves with a component, in arrays with K in front; numbers stay."""

    components: ComponentRecord
    memories: Memories


class ComponentAdaptation(Protocol):
    """Deletes and adds components; everything per component moves along."""

    def init(self, mixture: PaddedMixture) -> PyTree:
        """Returns what the adaptation remembers, before the first step; see ``Memories``."""
        ...

    def archive_capacity(self, max_samples: int) -> int:
        """Returns how many samples the archive must hold; 0: none is needed.

        Args:
            max_samples: the most samples an iteration can use.
        """
        ...

    def keeps_history(self) -> bool:
        """Returns whether the archive reaches beyond the last batch."""
        ...

    def __call__(
        self,
        key: PRNGKey,
        log_target: LogDensity,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memories: Memories,
        newborn: Remembered,
        archive: Archive,
        temperature: Array,
        iteration: Array,
    ) -> Adapted:
        """Adapts the number of components at the end of an iteration.

        Args:
            key: PRNG key of this call.
            log_target: log density of one point.
            mixture: fully updated.
            components: its record, with this iteration's rewards.
            memories: of all choices, its own among them.
            newborn: K components that were just born: what one that is added starts with.
            archive: candidates for new means, this iteration's samples among them.
            temperature: beta, scalar.
            iteration: [] int32, counted from 1.
        """
        ...
