"""The sample database: the batch in use, its densities, and the archive."""

from typing import NamedTuple

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.densities import SampleDensities


class SampleDatabase(NamedTuple):
    """What of the past samples is kept."""

    batch: SampleBatch  # the samples in use; its buffers are overwritten by the next iteration
    archive: Archive
    densities: SampleDensities  # of the batch; where samples are reused, the window's


def cache_densities(database: SampleDatabase, mixture: PaddedMixture) -> SampleDatabase:
    """Returns the database with the densities of its samples under the updated components.

    Where samples are reused, the next iteration's selection needs them, and the weights' update
    reads them. Otherwise the database stays as it is.

    Args:
        database: of this iteration.
        mixture: whose components have been updated.
    """
    return database._replace(densities=database.densities.cached(mixture, database.batch))
