"""Four of sbibm's posteriors as densities, written from their formulas.

Source of the models: Lueckmann, Boelts, Greenberg, Gonçalves, Macke, "Benchmarking Simulation-Based
Inference", AISTATS 2021, appendix T.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import multivariate_normal, norm

from gmmvi_jax import domains
from gmmvi_jax.domains import Domain
from gmmvi_jax.typing import Array

_JITTER = 1e-6  # of the variances of slcp, in its simulator
_FILTER = 9  # lags of the stimulus that the neuron of bernoulli_glm sees


@dataclasses.dataclass(frozen=True)
class Posterior:
    """A posterior of one observation.

    Attributes:
        log_density: (parameters [D], observation) to the log density.
        dim: D.
        domain: of the parameters, the support of a uniform prior.
        observation: the name of its file.
    """

    log_density: Callable[[Array, Any], Array]
    dim: int
    domain: Domain
    observation: str = "observation.csv"


def slcp(x: Array, data: Any) -> Array:
    """Four points of a normal distribution: its mean, roots of its scales, its correlation."""
    scales, correlation = jnp.square(x[2:4]), jnp.tanh(x[4])
    covariance = jnp.outer(scales, scales) * jnp.array([[1.0, 0.0], [0.0, 1.0]])
    off = correlation * scales[0] * scales[1]
    covariance += off * jnp.array([[0.0, 1.0], [1.0, 0.0]]) + _JITTER * jnp.eye(2)
    points = jnp.asarray(data).reshape(4, 2)
    return jnp.sum(multivariate_normal.logpdf(points, x[:2], covariance))


def two_moons(x: Array, data: Any) -> Array:
    """A noisy half circle whose place depends on the sum and the difference of two numbers."""
    total, difference = x[0] + x[1], x[1] - x[0]
    shift = jnp.stack([-jnp.abs(total), difference]) / math.sqrt(2.0)
    point = jnp.asarray(data) - shift - jnp.array([0.25, 0.0])
    radius = jnp.sqrt(jnp.sum(jnp.square(point)) + 1e-12)
    log_density = norm.logpdf(radius, 0.1, 0.01) - jnp.log(radius) - math.log(math.pi)
    return jnp.where(point[0] > 0.0, log_density, -jnp.inf)


def gaussian_mixture(x: Array, data: Any) -> Array:
    """A common mean of a wide and a narrow Gaussian."""
    observed = jnp.asarray(data)
    wide, narrow = (jnp.sum(norm.logpdf(observed, x, scale)) for scale in (1.0, 0.1))
    return jnp.logaddexp(wide, narrow) - math.log(2.0)


def _stimuli() -> np.ndarray:
    """Returns [100, 10] a constant, and the white noise that the neuron saw, lag after lag."""
    noise = np.random.RandomState(42).normal(size=100)
    lags = [np.concatenate([np.zeros(lag), noise[: len(noise) - lag]]) for lag in range(_FILTER)]
    return np.column_stack([np.ones(len(noise)), *lags])


def _smoothness() -> np.ndarray:
    """Returns [10, 10] the precision of the prior of offset and filter."""
    difference = np.eye(_FILTER) - np.eye(_FILTER, k=-1)
    root = difference @ difference + np.diag(np.sqrt(np.arange(_FILTER) / _FILTER))
    precision = np.zeros((_FILTER + 1, _FILTER + 1))
    precision[0, 0] = 0.5
    precision[1:, 1:] = root.T @ root
    return precision


def bernoulli_glm(x: Array, data: Any) -> Array:
    """Spikes of a neuron in 100 bins, by a logistic regression on a smooth filter."""
    logits = jnp.asarray(_stimuli()) @ x
    log_likelihood = jnp.sum(jnp.asarray(data) * logits - jax.nn.softplus(logits))
    return log_likelihood - 0.5 * x @ jnp.asarray(_smoothness()) @ x


POSTERIORS = {
    "slcp": Posterior(slcp, 5, domains.interval(-3.0, 3.0)),
    "two_moons": Posterior(two_moons, 2, domains.interval(-1.0, 1.0)),
    "gaussian_mixture": Posterior(gaussian_mixture, 2, domains.interval(-10.0, 10.0)),
    "bernoulli_glm": Posterior(bernoulli_glm, 10, domains.real, "observation_raw.csv"),
}
