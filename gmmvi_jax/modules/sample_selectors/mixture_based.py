"""Choice P: samples of the mixture as a whole (iBayes-GMM)."""

import dataclasses

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.drawing import draw_counts
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.sample_selectors.collecting import collect
from gmmvi_jax.modules.sample_selectors.draws import (
    REUSE_WINDOW_BYTES,
    check_draws,
    default_samples,
    reuse_window_size,
)
from gmmvi_jax.modules.sample_selectors.reuse import (
    keep_recent,
    missing_samples,
    mixture_sample_size,
    num_reused,
)
from gmmvi_jax.numerics.block_sizes import sample_chunk
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.batch import SampleAccount
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window_size import MixtureShape, WindowSize
from gmmvi_jax.typing import LogDensity, PRNGKey

_SEGMENT = 64  # rows transformed by one product: counts per component are uneven and small


@register_pytree
@dataclasses.dataclass(frozen=True)
class MixtureBased:
    """Draws until the mixture has ``desired_samples`` effective samples.

    A component is sampled as often as its weight says; one of low weight hardly moves. Source:
    Lin, Khan, Schmidt, ICML 2019; Arenz et al., TMLR 2023, Section 3.

    Attributes:
        desired_samples: samples per iteration, of all components together.
        reuse_ratio: rho; the newest floor(rho * desired) samples per component are reused, and
            only what their effective number falls short of is drawn. 0: all samples are new.
        reuse_window_bytes: most memory for reused samples; the samples of one iteration have room
            in any case.
    """

    desired_samples: int = dataclasses.field(metadata={"static": True})
    reuse_ratio: float = dataclasses.field(default=0.0, metadata={"static": True})
    reuse_window_bytes: int = dataclasses.field(
        default=REUSE_WINDOW_BYTES, metadata={"static": True}
    )

    def chunk_size(self, preferred: int) -> int:
        """Returns how many samples one chunk of the batch holds."""
        return sample_chunk(self.desired_samples, min(preferred, self.desired_samples))

    def max_samples(self, max_components: int) -> int:
        """Returns how many new samples an iteration can draw at most."""
        del max_components
        return self.desired_samples

    def window_size(self, shape: MixtureShape) -> WindowSize | None:
        """Returns the size of the reuse window, None without reuse; see ``SampleSelector``."""
        return reuse_window_size(self, shape)

    def __call__(
        self,
        key: PRNGKey,
        log_target: LogDensity,
        mixture: PaddedMixture,
        database: SampleDatabase,
    ) -> tuple[SampleDatabase, SampleAccount]:
        """Selects the samples of one iteration; see ``SampleSelector``."""
        key_counts, key_collect = jax.random.split(key)
        num_new = jnp.asarray(self.desired_samples, jnp.int32)
        if isinstance(database.densities, KeptDensities):
            per_component = num_reused(self.reuse_ratio, self.desired_samples)
            densities, batch = keep_recent(
                mixture, database.densities, database.batch, per_component, num_new
            )
            size = mixture_sample_size(mixture, densities, batch)
            num_new = missing_samples(self.desired_samples, size)
            database = database._replace(densities=densities, batch=batch)
        counts = draw_counts(key_counts, mixture, num_new, self.desired_samples)
        return collect(key_collect, log_target, mixture, database, counts, _SEGMENT)


def build(
    problem: Problem,
    *,
    desired_samples: int | None = None,
    reuse_ratio: float = 0.0,
    reuse_window_bytes: int = REUSE_WINDOW_BYTES,
) -> MixtureBased:
    """Builds choice P."""
    # As for M, twice: all components share these samples.
    default = 2 * default_samples(problem)
    return MixtureBased(
        desired_samples=default if desired_samples is None else desired_samples,
        reuse_ratio=reuse_ratio,
        reuse_window_bytes=reuse_window_bytes,
    )


CHOICE = Choice(
    "P",
    MixtureBased,
    "mixture-based: from the mixture as a whole, by weight",
    build,
    check=check_draws,
)
