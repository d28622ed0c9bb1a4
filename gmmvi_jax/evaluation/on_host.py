"""Moments and draws of a mixture on the host, for which nothing is compiled."""

import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.keys import host_generator
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.typing import PRNGKey


def host_arrays(gmm: GMM) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns weights, means and factors in float64."""
    arrays = (gmm.log_weights, gmm.means, gmm.factors)
    log_weights, means, factors = (np.asarray(array, float) for array in arrays)
    return np.exp(log_weights), means, factors


def host_covariance(gmm: GMM) -> np.ndarray:
    """Returns the covariance [D, D] in float64, since a diverged mixture has a large one."""
    weights, means, factors = host_arrays(gmm)
    centred = means - weights @ means
    between = (weights[:, None] * centred).T @ centred
    if gmm.is_diagonal:
        return between + np.diag(weights @ np.square(factors))
    columns = np.sqrt(weights)[:, None, None] * np.tril(factors)
    columns = columns.transpose(1, 0, 2).reshape(gmm.dim, -1)
    return between + columns @ columns.T


def host_draws(gmm: GMM, key: PRNGKey, count: int) -> np.ndarray:
    """Returns [N, D] independent draws in float64; a diverged mixture may have none that is finite.

    Args:
        gmm: the mixture.
        key: typed.
        count: N.
    """
    generator = host_generator(key)
    weights, means, factors = host_arrays(gmm)
    weights = np.nan_to_num(weights, nan=1.0)
    components = generator.choice(len(means), count, p=weights / np.sum(weights))
    noise = generator.normal(size=(count, gmm.dim))
    if isinstance(gmm, TMixture):
        degrees = np.asarray(gmm.degrees, float)[components]
        finite = np.where(np.isinf(degrees), 1.0, degrees)
        widths = np.sqrt(finite / generator.chisquare(finite))
        noise *= np.where(np.isinf(degrees), 1.0, widths)[:, None]
    if gmm.is_diagonal:
        return means[components] + factors[components] * noise
    draws = means[components]
    for index in np.unique(components):
        own = components == index
        draws[own] += noise[own] @ np.tril(factors[index]).T
    return draws
