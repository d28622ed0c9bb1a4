"""Choice M: every component draws the same number of samples (VIPS)."""

import dataclasses

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture import PaddedMixture, draw
from gmmvi_jax.modules.sample_selectors.weighting import balance_heuristic, evaluate_batch
from gmmvi_jax.numerics.block_sizes import sample_chunk
from gmmvi_jax.records import SampleBatch
from gmmvi_jax.sample_db import SampleDatabase, store
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ComponentBased:
    """Draws ``desired_samples`` from every component, whatever its weight.

    Components of low weight are so estimated as well as the others, and can still move to
    where mass is missing. Source: Arenz et al., TMLR 2023, Section 3.3.

    Attributes:
        desired_samples: samples per component and iteration.
    """

    desired_samples: int = dataclasses.field(metadata={"static": True})

    def chunk_size(self) -> int:
        """Returns how many samples one chunk of the batch holds."""
        return sample_chunk(self.desired_samples)

    def max_samples(self, max_components: int) -> int:
        """Returns how many samples an iteration can use at most."""
        return self.desired_samples * max_components

    def __call__(
        self,
        key: PRNGKey,
        log_target: LogDensity,
        mixture: PaddedMixture,
        database: SampleDatabase,
    ) -> tuple[SampleBatch, SampleDatabase, Array]:
        """Selects the samples of one iteration; see ``SampleSelector``."""
        key_draw, key_target = jax.random.split(key)
        counts = jnp.where(mixture.active, self.desired_samples, 0).astype(jnp.int32)
        chunk_size = self.chunk_size()
        points = draw(
            key_draw,
            mixture.gaussians,
            counts,
            database.batch.points,
            chunk_size=chunk_size,
            segment_size=min(chunk_size, self.desired_samples),
        )
        batch, usable_counts = evaluate_batch(
            key_target, log_target, points, counts, jnp.zeros((), jnp.int32), database.batch
        )
        log_background = balance_heuristic(mixture, usable_counts, batch)
        batch = dataclasses.replace(batch, log_background=log_background)
        database = SampleDatabase(batch=batch, archive=store(database.archive, batch))
        return batch, database, batch.num_samples
