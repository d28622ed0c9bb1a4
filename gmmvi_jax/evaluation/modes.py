"""The modes of a mixture: where the components lead uphill, and how much mass each has."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.typing import Array, PyTree

MAX_ITERATIONS = 200
SAME_MODE_DISTANCE = 0.1  # Mahalanobis, under the covariance of the component that led there


class Modes(NamedTuple):
    """The modes of a mixture, heaviest first."""

    masses: np.ndarray  # [M] summed weight of the components that lead to the mode
    locations: PyTree  # [M, D]; or a pytree of arrays [M, ...], as the position is
    log_densities: np.ndarray  # [M] log q there
    components: np.ndarray  # [K] index of the mode that each component leads to


def _precisions(gmm: GMM) -> Array:
    """Returns [K, D, D] precision matrices, or [K, D] for diagonal covariances."""
    if gmm.factors.ndim == 2:
        return 1.0 / jnp.square(gmm.factors)
    identity = jnp.broadcast_to(
        jnp.eye(gmm.factors.shape[-1], dtype=gmm.factors.dtype), gmm.factors.shape
    )
    inverse = jax.scipy.linalg.solve_triangular(gmm.factors, identity, lower=True)
    return jnp.einsum("kij,kil->kjl", inverse, inverse)


@jax.jit
def _climb(gmm: GMM) -> tuple[Array, Array]:
    """Returns [K, D] where the mixture's fixed-point iteration ends from each mean, [K] log q.

    x <- (sum_k p(k|x) Lambda_k)^-1 sum_k p(k|x) Lambda_k mu_k never goes downhill.
    Source: Carreira-Perpinan, "Mode-finding for mixtures of Gaussian distributions", IEEE
    TPAMI 2000, Section 4.2.
    """
    precisions = _precisions(gmm)
    diagonal = precisions.ndim == 2

    def improve(point: Array) -> Array:
        shares = gmm.responsibilities(point)
        if diagonal:
            weighted = shares[:, None] * precisions
            return jnp.sum(weighted * gmm.means, axis=0) / jnp.sum(weighted, axis=0)
        pull = jnp.einsum("k,kij,kj->i", shares, precisions, gmm.means - point)
        return point + jnp.linalg.solve(jnp.einsum("k,kij->ij", shares, precisions), pull)

    def ascend(point: Array) -> Array:
        return jax.lax.fori_loop(0, MAX_ITERATIONS, lambda _, x: improve(x), point)

    points = jax.lax.map(ascend, gmm.means)
    return points, gmm.log_prob(points)


def find_modes(gmm: GMM) -> Modes:
    """Finds the modes of a mixture by climbing from the mean of every component.

    Args:
        gmm: K components in D dimensions.

    Returns:
        The modes, heaviest first. Components whose climbs end within a tenth of a standard
        deviation of each other share a mode.
    """
    points, log_densities = (np.asarray(array) for array in _climb(gmm))
    inverse_factors = np.asarray(_precisions(gmm))
    weights = np.exp(np.asarray(gmm.log_weights, dtype=float))
    owner = np.full(len(points), -1)
    leaders: list[int] = []
    for index in np.argsort(-log_densities):
        for number, leader in enumerate(leaders):
            offset = points[index] - points[leader]
            precision = inverse_factors[index]
            squared = offset @ (precision * offset if precision.ndim == 1 else precision @ offset)
            if squared <= SAME_MODE_DISTANCE**2:
                owner[index] = number
                break
        else:
            owner[index] = len(leaders)
            leaders.append(int(index))
    masses = np.bincount(owner, weights=weights, minlength=len(leaders))
    order = np.argsort(-masses)
    return Modes(
        masses=masses[order],
        locations=points[leaders][order],
        log_densities=log_densities[leaders][order],
        components=np.argsort(order)[owner],
    )
