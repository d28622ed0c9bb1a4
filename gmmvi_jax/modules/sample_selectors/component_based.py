"""Choice M: every component draws the same number of samples (VIPS)."""

import dataclasses

import jax.numpy as jnp

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
    component_sample_sizes,
    keep_recent,
    missing_samples,
    num_reused,
)
from gmmvi_jax.numerics.block_sizes import sample_chunk
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.batch import SampleAccount
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window_size import MixtureShape, WindowSize
from gmmvi_jax.typing import LogDensity, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True)
class ComponentBased:
    """Draws until every component, whatever its weight, has ``desired_samples`` effective samples.

    Components of low weight are so estimated as well as the others, and can still move to
    where mass is missing. Source: Arenz et al., TMLR 2023, Section 3.

    Attributes:
        desired_samples: samples per component and iteration.
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
        return sample_chunk(self.desired_samples, preferred)

    def max_samples(self, max_components: int) -> int:
        """Returns how many new samples an iteration can draw at most."""
        return self.desired_samples * max_components

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
        counts = jnp.full(mixture.capacity, self.desired_samples, jnp.int32)
        if isinstance(database.densities, KeptDensities):
            per_component = num_reused(self.reuse_ratio, self.desired_samples)
            num_incoming = self.desired_samples * mixture.num_components
            densities, batch = keep_recent(
                mixture, database.densities, database.batch, per_component, num_incoming
            )
            sizes = component_sample_sizes(mixture, densities, batch)
            counts = missing_samples(self.desired_samples, sizes)
            database = database._replace(densities=densities, batch=batch)
        counts = jnp.where(mixture.active, counts, 0)
        return collect(key, log_target, mixture, database, counts, self.desired_samples)


def build(
    problem: Problem,
    *,
    desired_samples: int | None = None,
    reuse_ratio: float = 0.0,
    reuse_window_bytes: int = REUSE_WINDOW_BYTES,
) -> ComponentBased:
    """Builds choice M."""
    default = default_samples(problem)
    return ComponentBased(
        desired_samples=default if desired_samples is None else desired_samples,
        reuse_ratio=reuse_ratio,
        reuse_window_bytes=reuse_window_bytes,
    )


CHOICE = Choice(
    "M",
    ComponentBased,
    "component-based: as many from every component, whatever its weight",
    build,
    check=check_draws,
)
