"""What an adaptation of the number of components must do."""

from typing import NamedTuple, Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import AdaptationInfo, AdaptationRecord, ComponentRecord
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


class Adapted(NamedTuple):
    """The outcome of an adaptation."""

    mixture: PaddedMixture
    components: ComponentRecord
    record: AdaptationRecord
    info: AdaptationInfo


class ComponentAdaptation(Protocol):
    """Deletes and adds components; everything per component moves along."""

    def history_length(self) -> int:
        """Returns H, how many iterations of rewards and weights the record must hold."""
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
        record: AdaptationRecord,
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
            record: of earlier adaptations.
            archive: candidates for new means, this iteration's samples among them.
            temperature: beta, scalar.
            iteration: [] int32, counted from 1.
        """
        ...
