"""Draws of a mixture on the host, for which nothing is compiled."""

import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.keys import host_generator
from gmmvi_jax.typing import PRNGKey


def host_draws(gmm: GMM, key: PRNGKey, count: int) -> np.ndarray:
    """Returns [N, D] independent draws in float64; a diverged mixture may have none that is finite.

    Args:
        gmm: the mixture.
        key: typed.
        count: N.
    """
    generator = host_generator(key)
    log_weights, means, factors = (
        np.asarray(array, float) for array in (gmm.log_weights, gmm.means, gmm.factors)
    )
    weights = np.nan_to_num(np.exp(log_weights), nan=1.0)
    components = generator.choice(len(means), count, p=weights / np.sum(weights))
    noise = generator.normal(size=(count, gmm.dim))
    if gmm.is_diagonal:
        return means[components] + factors[components] * noise
    draws = means[components]
    for index in np.unique(components):
        own = components == index
        draws[own] += noise[own] @ np.tril(factors[index]).T
    return draws
