"""Posteriors of small Bayesian models, as one writes them down. Each takes ONE point [D]."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jax.scipy.stats import norm

from gmmvi_jax.typing import Array

# Rubin, "Estimation in parallel randomized experiments", 1981.
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
EFFECT_ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])

_LINE_X = np.array([1.17, 2.97, 3.26, 4.69, 5.83, 6.0, 6.41])
_LINE_Y = np.array([78.93, 58.2, 67.47, 37.47, 45.65, 32.92, 29.97])

_SIGNALS = 1.3 * np.random.default_rng(13).normal(size=10)

_CLUSTERED = np.array([0.0, 1.0, 10.0, 11.0, 12.0])
_GRID = np.linspace(-4.0, 4.0, 20)


def half_cauchy(log_value: Array, scale: float) -> Array:
    """Log density of log v, where v is half-Cauchy."""
    ratio = jnp.exp(log_value) / scale
    return jnp.log(2.0 / (jnp.pi * scale)) - jnp.log1p(ratio**2) + log_value


def eight_schools(x: Array) -> Array:
    """Centred, in 10-D: the mean, log of the standard deviation, the effects of eight schools."""
    mean, log_sd, effects = x[0], x[1], x[2:]
    prior = norm.logpdf(mean, 0.0, 5.0) + half_cauchy(log_sd, 5.0)
    schools = norm.logpdf(effects, mean, jnp.exp(log_sd))
    return prior + jnp.sum(schools + norm.logpdf(EFFECTS, effects, EFFECT_ERRORS))


def line_of_seven(x: Array) -> Array:
    """A line through seven points in 3-D: intercept, slope, log of the noise."""
    intercept, slope, log_noise = x
    prior = jnp.sum(norm.logpdf(x[:2], 0.0, 100.0)) + half_cauchy(log_noise, 5.0)
    fitted = intercept + slope * _LINE_X
    return prior + jnp.sum(norm.logpdf(_LINE_Y, fitted, jnp.exp(log_noise)))


def hidden_precision(x: Array) -> Array:
    """Ten normal means in 11-D and, in front, the log of their precision, exponential a priori."""
    precision, means = jnp.exp(x[0]), x[1:]
    prior = jnp.log(0.5) - 0.5 * precision + x[0]
    levels = norm.logpdf(means, 0.0, 1.0 / jnp.sqrt(precision)) + norm.logpdf(_SIGNALS, means, 1.0)
    return prior + jnp.sum(levels)


def gp_noise(x: Array) -> Array:
    """A Gaussian process in 3-D: logs of length, variance, noise; float32 breaks its Cholesky."""
    grid = jnp.asarray(_GRID, x.dtype)
    distances = (grid[:, None] - grid[None]) / jnp.exp(x[0])
    covariance = jnp.exp(x[1] - 0.5 * distances**2) + jnp.exp(2.0 * x[2]) * jnp.eye(20)
    factor = jnp.linalg.cholesky(covariance)
    white = jax.scipy.linalg.solve_triangular(factor, 3.0 * grid, lower=True)
    log_det = jnp.sum(jnp.log(jnp.diagonal(factor)))
    return jnp.sum(norm.logpdf(x, 0.0, 3.0)) - 0.5 * jnp.sum(white**2) - log_det


def _memberships(x: Array) -> Array:
    """Returns [2, 5] joint log densities of five numbers and their component."""
    log_weights = jnp.stack([jax.nn.log_sigmoid(x[0]), jax.nn.log_sigmoid(-x[0])])
    return log_weights[:, None] + norm.logpdf(_CLUSTERED, x[2:, None], jnp.exp(x[1]))


def label_switch(x: Array) -> Array:
    """Two components with one width in 4-D: logit of the weight, log of the width, locations.

    Beta(1/2, 1/2) for the weight; the assignments of five numbers are summed out.
    """
    weight = 0.5 * (jax.nn.log_sigmoid(x[0]) + jax.nn.log_sigmoid(-x[0])) - jnp.log(jnp.pi)
    prior = weight + norm.logpdf(x[1], 0.0, 2.0) + jnp.sum(norm.logpdf(x[2:], 0.0, 10.0))
    return prior + jnp.sum(logsumexp(_memberships(x), axis=0))


def assignment_mass(points: np.ndarray, labels: tuple[int, ...]) -> float:
    """Returns the mean posterior probability of an assignment of the five numbers.

    Args:
        points: [N, 4] samples of ``label_switch``.
        labels: 0 or 1 for each of the numbers.
    """

    def log_probability(x: Array) -> Array:
        shares = jax.nn.log_softmax(_memberships(x), axis=0)
        return jnp.sum(shares[np.array(labels), np.arange(len(labels))])

    return float(jnp.mean(jnp.exp(jax.vmap(log_probability)(jnp.asarray(points)))))
