"""What a sample selector must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.samples.batch import SampleAccount
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.window_size import MixtureShape, WindowSize
from gmmvi_jax.typing import LogDensity, PRNGKey


class SampleSelector(Protocol):
    """Draws samples, evaluates the target there, and says what density generated them."""

    def chunk_size(self, preferred: int) -> int:
        """Returns how many samples one chunk of the batch holds: about ``preferred``."""
        ...

    def max_samples(self, max_components: int) -> int:
        """Returns how many new samples an iteration can draw at most."""
        ...

    def window_size(self, shape: MixtureShape) -> WindowSize | None:
        """Returns how many samples and Gaussians to keep for reuse; None: samples are used once.

        Args:
            shape: of the mixture.

        Raises:
            ValueError: the memory allowed does not hold the samples of one iteration.
        """
        ...

    def __call__(
        self,
        key: PRNGKey,
        log_target: LogDensity,
        mixture: PaddedMixture,
        database: SampleDatabase,
    ) -> tuple[SampleDatabase, SampleAccount]:
        """Selects the samples of one iteration.

        Args:
            key: PRNG key of this call.
            log_target: log density of one point.
            mixture: the mixture before its update.
            database: earlier samples; its buffers are overwritten.

        Returns:
            The database, whose ``batch`` holds the samples of this iteration, and the account of
            those that are new.
        """
        ...
