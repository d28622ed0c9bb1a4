"""Drawing new samples and joining them to those that are used again."""

import jax

from gmmvi_jax.mixture.drawing import Draws, draw
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.sample_selectors.weighting import evaluate_batch
from gmmvi_jax.samples.archive import store
from gmmvi_jax.samples.batch import SampleAccount
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

_TARGET_STREAM = 0x7FFFFFFF  # of the key that draws; its chunks are counted from 0


def collect(
    key: PRNGKey,
    log_target: LogDensity,
    mixture: PaddedMixture,
    database: SampleDatabase,
    counts: Array,
    segment_size: int,
) -> tuple[SampleDatabase, SampleAccount]:
    """Draws new samples, evaluates the target there alone, and weighs old and new together.

    Args:
        key: PRNG key.
        log_target: log density of one point.
        mixture: whose components draw.
        database: its batch is overwritten, except for what is reused (see ``reuse.keep_recent``).
        counts: [K] int32 how many each component draws.
        segment_size: about how many that usually is, see ``draw``.

    Returns:
        The database with the batch of this iteration, and the account of the new samples.
    """
    key_target = jax.random.fold_in(key, _TARGET_STREAM)  # compiled for stochastic targets alone
    earlier = database.batch
    first_row = database.densities.first_new_row(earlier)
    draws = draw(
        key,
        mixture.gaussians,
        counts,
        Draws(earlier.points, earlier.origins),
        chunk_size=earlier.chunk_size,
        segment_size=min(earlier.chunk_size, segment_size),
        first_row=first_row,
    )
    batch, usable_counts, account = evaluate_batch(
        key_target, log_target, draws, counts, first_row, earlier
    )
    densities = database.densities.with_draws(mixture, batch, counts, usable_counts, first_row)
    archive = store(database.archive, batch, first_row)
    return SampleDatabase(batch=batch, archive=archive, densities=densities), account
