"""The densities, written as one writes them down. Each takes ONE point [D]."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp
from jax.scipy.stats import norm, t

from benchmarks.others import lotka_volterra
from gmmvi_jax.typing import Array
from tests.cases.models import EFFECT_ERRORS, EFFECTS, eight_schools, half_cauchy

# Failures of ten pumps and the hours, in thousands: Gaver, O'Muircheartaigh, 1987.
FAILURES = np.array([5.0, 1.0, 5.0, 14.0, 3.0, 19.0, 1.0, 1.0, 4.0, 22.0])
HOURS = np.array([94.3, 15.7, 62.9, 126.0, 5.24, 31.4, 1.05, 1.05, 2.1, 10.5])

CLUSTERED = np.array([0.0, 1.0, 10.0, 11.0, 12.0])

_RANDOM = np.random.default_rng(19)
FEATURES = np.column_stack(
    [np.ones(60), _RANDOM.uniform(60.0, 100.0, 60), _RANDOM.normal(size=(60, 4))]
)
OUTCOMES = FEATURES @ np.array([5.0, 0.3, 1.0, -2.0, 0.0, 0.5]) + 2.0 * _RANDOM.normal(size=60)
COEFFICIENT_SCALE, VARIANCE_SHAPE, VARIANCE_SCALE = 100.0, 2.0, 2.0

LINE_X = np.linspace(-2.0, 2.0, 40)
LINE_Y = 1.0 + 2.0 * LINE_X + 0.3 * _RANDOM.standard_t(2.0, size=40)

GRID = np.sort(_RANDOM.uniform(0.0, 6.0, 15))
WAVE = np.sin(GRID) + 0.3 * _RANDOM.normal(size=15)

CLASSIFIED = _RANDOM.normal(size=(500, 50))
LABELS = (CLASSIFIED @ _RANDOM.normal(size=50) * 0.3 + _RANDOM.logistic(size=500) > 0.0) * 1.0

RING, RING_WIDTH = 4.0, 0.4  # mean and standard deviation of the squared radius


def schools_noncentred(x: Array) -> Array:
    """Eight schools, with standardised effects."""
    mean, log_sd, standardised = x[0], x[1], x[2:]
    prior = norm.logpdf(mean, 0.0, 5.0) + half_cauchy(log_sd, 5.0)
    effects = mean + jnp.exp(log_sd) * standardised
    schools = norm.logpdf(standardised) + norm.logpdf(EFFECTS, effects, EFFECT_ERRORS)
    return prior + jnp.sum(schools)


def label_switching(x: Array) -> Array:
    """Two components for five numbers: logit of the weight, log of the width, locations."""
    log_weights = jnp.stack([jax.nn.log_sigmoid(x[0]), jax.nn.log_sigmoid(-x[0])])
    prior = 0.5 * jnp.sum(log_weights) - jnp.log(jnp.pi)  # Beta(1/2, 1/2)
    prior += norm.logpdf(x[1], 0.0, 2.0) + jnp.sum(norm.logpdf(x[2:], 0.0, 10.0))
    joint = log_weights[:, None] + norm.logpdf(CLUSTERED, x[2:, None], jnp.exp(x[1]))
    return prior + jnp.sum(logsumexp(joint, axis=0))


def regression(x: Array) -> Array:
    """A linear regression with an intercept far from the data: coefficients, log of the noise."""
    coefficients, noise = x[:-1], jnp.exp(x[-1])
    shape, scale = VARIANCE_SHAPE, VARIANCE_SCALE
    prior = shape * jnp.log(scale) - gammaln(shape) - 2.0 * shape * x[-1] - scale / noise**2
    prior += jnp.log(2.0) + jnp.sum(norm.logpdf(coefficients, 0.0, COEFFICIENT_SCALE * noise))
    return prior + jnp.sum(norm.logpdf(OUTCOMES, jnp.asarray(FEATURES) @ coefficients, noise))


def robust_line(x: Array) -> Array:
    """A line with Student-t noise: intercept, slope, logs of scale and degrees of freedom."""
    scale, freedom = jnp.exp(x[2]), jnp.exp(x[3])
    prior = jnp.sum(norm.logpdf(x[:2], 0.0, 10.0)) + norm.logpdf(x[2], 0.0, 2.0)
    prior += jnp.log(0.01) + 2.0 * x[3] - 0.1 * freedom  # Gamma(2, 0.1)
    return prior + jnp.sum(t.logpdf(LINE_Y, freedom, x[0] + x[1] * LINE_X, scale))


def logistic(x: Array) -> Array:
    """A logistic regression in 50-D with 500 rows."""
    logits = jnp.asarray(CLASSIFIED) @ x
    log_likelihood = jnp.sum(LABELS * logits - jnp.logaddexp(0.0, logits))
    return log_likelihood + jnp.sum(norm.logpdf(x))


def pumps(x: Array) -> Array:
    """Rates of ten pumps, Gamma(a, b) with a ~ Exp(1), b ~ Gamma(0.1, 1); all by their logs."""
    a, b, rates = jnp.exp(x[0]), jnp.exp(x[1]), jnp.exp(x[2:])
    prior = x[0] - a + 0.1 * x[1] - b - gammaln(0.1)
    pump = a * x[1] - gammaln(a) + a * x[2:] - b * rates
    expected = rates * HOURS
    return prior + jnp.sum(
        pump + FAILURES * jnp.log(HOURS) + FAILURES * x[2:] - expected - gammaln(FAILURES + 1.0)
    )


def gaussian_process(x: Array) -> Array:
    """Hyperparameters of a Gaussian process: logs of length, standard deviation and noise."""
    distances = (jnp.asarray(GRID)[:, None] - GRID) / jnp.exp(x[0])
    covariance = jnp.exp(2.0 * x[1] - 0.5 * distances**2)
    covariance += (jnp.exp(2.0 * x[2]) + 1e-4) * jnp.eye(len(GRID))
    factor = jnp.linalg.cholesky(covariance)
    white = jax.scipy.linalg.solve_triangular(factor, jnp.asarray(WAVE), lower=True)
    log_likelihood = jnp.sum(norm.logpdf(white)) - jnp.sum(jnp.log(jnp.diagonal(factor)))
    return log_likelihood + jnp.sum(norm.logpdf(x))


def ring(x: Array) -> Array:
    """A ring in 2-D."""
    return -0.5 * ((jnp.sum(x**2) - RING) / RING_WIDTH) ** 2


class Density(NamedTuple):
    """A density and the number of its dimensions."""

    log_density: Callable[[Array], Array]
    dim: int


DENSITIES = {
    "schools_noncentred": Density(schools_noncentred, 10),
    "schools_centred": Density(eight_schools, 10),
    "label_switching": Density(label_switching, 4),
    "regression": Density(regression, 7),
    "robust_line": Density(robust_line, 4),
    "logistic": Density(logistic, 50),
    "pumps": Density(pumps, 12),
    "gaussian_process": Density(gaussian_process, 3),
    "lotka_volterra": Density(lotka_volterra.log_density, 8),
    "ring": Density(ring, 2),
}
