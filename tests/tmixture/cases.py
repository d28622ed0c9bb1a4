"""The mixtures of the tests, and the same in scipy."""

from typing import Any, NamedTuple

import numpy as np
import scipy.special
import scipy.stats

from gmmvi_jax.tmixture import TMixture

K, D = 3, 4
DEGREES = np.array([2.5, 7.0, np.inf])
EXACT = 1e-10  # relative tolerance of float64 against the textbook formula


def student_t(location: np.ndarray, scale: np.ndarray, degrees: float) -> Any:
    """Returns scipy's distribution."""
    oracle: Any = scipy.stats.multivariate_t
    return oracle(loc=location, shape=scale, df=degrees)


class Parameters(NamedTuple):
    """A mixture as numpy arrays in float64."""

    weights: np.ndarray  # [K]
    locations: np.ndarray  # [K, D]
    scales: np.ndarray  # [K, D, D]
    degrees: np.ndarray  # [K]

    def component_log_probs(self, points: np.ndarray) -> np.ndarray:
        components = zip(self.locations, self.scales, self.degrees, strict=True)
        each = [student_t(*component).logpdf(points) for component in components]
        return np.stack(np.broadcast_arrays(*each), axis=-1)

    def log_prob(self, points: np.ndarray) -> np.ndarray:
        joint = self.component_log_probs(points) + np.log(self.weights)
        return np.asarray(scipy.special.logsumexp(joint, axis=-1))

    def marginal(self, dims: tuple[int, ...]) -> "Parameters":
        index = list(dims)
        locations, scales = self.locations[:, index], self.scales[:, index][:, :, index]
        return self._replace(locations=locations, scales=scales)


def parameters(kind: str) -> Parameters:
    generator = np.random.default_rng(7)
    roots = generator.normal(size=(K, D, D))
    scales = roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(D)
    if kind == "diagonal":
        scales = scales * np.eye(D)
    locations = 2.0 * generator.normal(size=(K, D))
    return Parameters(np.array([0.5, 0.2, 0.3]), locations, scales, DEGREES)


def make(kind: str, degrees: Any = DEGREES) -> TMixture:
    weights, locations, scales, _ = parameters(kind)
    if kind == "diagonal":
        scales = np.diagonal(scales, axis1=1, axis2=2)
    return TMixture.from_parameters(weights, locations, scales, degrees)


def points(*shape: int) -> np.ndarray:
    return 3.0 * np.random.default_rng(1).normal(size=(*shape, D))
