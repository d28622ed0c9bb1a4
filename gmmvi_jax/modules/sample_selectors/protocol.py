"""What a sample selector must do."""

from typing import Protocol

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.records import SampleBatch
from gmmvi_jax.sample_db import SampleDatabase
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


class SampleSelector(Protocol):
    """Draws samples, evaluates the target there, and says what density generated them."""

    def chunk_size(self) -> int:
        """Returns how many samples one chunk of the batch holds."""
        ...

    def max_samples(self, max_components: int) -> int:
        """Returns how many samples an iteration can use at most."""
        ...

    def __call__(
        self,
        key: PRNGKey,
        log_target: LogDensity,
        mixture: PaddedMixture,
        database: SampleDatabase,
    ) -> tuple[SampleBatch, SampleDatabase, Array]:
        """Selects the samples of one iteration.

        Args:
            key: PRNG key of this call.
            log_target: log density of one point.
            mixture: the mixture before its update.
            database: earlier samples; its batch buffers are overwritten.

        Returns:
            The batch; the database with the batch in it; the number of target evaluations.
        """
        ...
