"""The mixtures of the tests, and the same in numpy."""

import functools
from typing import NamedTuple

import jax
import numpy as np
import scipy.special
import scipy.stats

from gmmvi_jax.gmm import GMM

K, D = 3, 4
EXACT = 1e-10  # relative tolerance of float64 against the textbook formula


class Moments(NamedTuple):
    """A mixture as numpy arrays in float64."""

    weights: np.ndarray  # [K]
    means: np.ndarray  # [K, D]
    covariances: np.ndarray  # [K, D, D]

    def component_log_probs(self, points: np.ndarray) -> np.ndarray:
        normals = zip(self.means, self.covariances, strict=True)
        return np.stack(
            [scipy.stats.multivariate_normal(*normal).logpdf(points) for normal in normals], axis=-1
        )

    def log_prob(self, points: np.ndarray) -> np.ndarray:
        joint = self.component_log_probs(points) + np.log(self.weights)
        return np.asarray(scipy.special.logsumexp(joint, axis=-1))


@functools.cache
def moments(kind: str) -> Moments:
    generator = np.random.default_rng(7)
    roots = generator.normal(size=(K, D, D))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(D)
    if kind == "diagonal":
        covariances = covariances * np.eye(D)
    means = 2.0 * generator.normal(size=(K, D))
    return Moments(np.array([0.5, 0.2, 0.3]), means, covariances)


def make(kind: str) -> GMM:
    weights, means, covariances = moments(kind)
    if kind == "diagonal":
        covariances = np.diagonal(covariances, axis1=1, axis2=2)
    return GMM.from_moments(weights, means, covariances)


def points(*shape: int) -> np.ndarray:
    return 3.0 * np.random.default_rng(1).normal(size=(*shape, D))


evaluate = jax.jit(GMM.log_prob)
