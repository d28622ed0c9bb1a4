"""Moments and draws of a mixture on the host, for which nothing is compiled."""

import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.numerics.host_roots import HostRoots, coloured, host_roots
from gmmvi_jax.numerics.keys import host_generator
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.typing import PRNGKey


def host_arrays(gmm: Mixture) -> tuple[np.ndarray, np.ndarray, HostRoots]:
    """Returns weights, means and factors in float64."""
    log_weights, means = (np.asarray(array, float) for array in (gmm.log_weights, gmm.means))
    return np.exp(log_weights), means, host_roots(gmm.factors)


def host_covariance(gmm: GMM) -> np.ndarray:
    """Returns the covariance [D, D] in float64, since a diverged mixture has a large one."""
    weights, means, roots = host_arrays(gmm)
    centred = means - weights @ means
    between = (weights[:, None] * centred).T @ centred
    return between + roots.covariance(weights)


def host_draws(gmm: GMM, key: PRNGKey, count: int) -> np.ndarray:
    """Returns [N, D] independent draws in float64; a diverged mixture may have none that is finite.

    Args:
        gmm: the mixture.
        key: typed.
        count: N.
    """
    generator = host_generator(key)
    weights, means, roots = host_arrays(gmm)
    weights = np.nan_to_num(weights, nan=1.0)
    components = generator.choice(len(means), count, p=weights / np.sum(weights))
    noise = generator.normal(size=(count, gmm.dim))
    if isinstance(gmm, TMixture):
        degrees = np.asarray(gmm.degrees, float)[components]
        finite = np.where(np.isinf(degrees), 1.0, degrees)
        widths = np.sqrt(finite / generator.chisquare(finite))
        noise *= np.where(np.isinf(degrees), 1.0, widths)[:, None]
    return means[components] + coloured(roots, components, noise)
