"""The sample database: the batch in use, the archive, and the window of reuse."""

from typing import NamedTuple

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.window import ReuseWindow, add_gaussians


class SampleDatabase(NamedTuple):
    """What of the past samples is kept."""

    batch: SampleBatch  # the newest batch; its buffers are overwritten by the next one
    archive: Archive
    window: ReuseWindow | None = None  # what generated the batch, if its samples serve again


def look_ahead(database: SampleDatabase, mixture: PaddedMixture) -> SampleDatabase:
    """Returns the database with the densities of its samples under the updated components.

    Where samples serve again the next iteration's selection needs them, and the weights' update
    is spared computing them. Otherwise the database stays as it is.

    Args:
        database: of this iteration.
        mixture: whose components have been updated.
    """
    if database.window is None:
        return database
    window = add_gaussians(database.window, database.batch, mixture)
    return database._replace(window=window)
