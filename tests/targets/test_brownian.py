"""The random walk against scipy's distributions, its evidence and its samples."""

import math

import jax
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax.targets import brownian

evaluate = jax.jit(lambda target, points: jax.vmap(target)(points))
sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)

NUM_POINTS = 2000  # in all tests: one program
OBSERVED = [*range(10), *range(20, 30)]


@pytest.mark.usefixtures("float64")
def test_density_is_the_loop_over_steps() -> None:
    target = brownian(seed=1)
    points = np.random.default_rng(0).normal(size=(NUM_POINTS, 32))
    values = np.asarray(evaluate(target, points))
    for value, x in zip(values[:4], points[:4], strict=True):
        expected = float(np.sum(stats.norm.logpdf(x[:2], 0, 2)))
        innovation, noise = np.exp(x[:2])
        position = 0.0
        for step in range(30):
            expected += stats.norm.logpdf(x[2 + step], position, innovation)
            position = x[2 + step]
            if step in OBSERVED:
                observation = target.observations[OBSERVED.index(step)]
                expected += stats.norm.logpdf(observation, position, noise)
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def log_evidence_of_scales(observations: np.ndarray, innovation: float, noise: float) -> float:
    """Return the log density of the observations given the scales, the walk integrated out."""
    steps = np.array(OBSERVED) + 1.0
    covariance = innovation**2 * np.minimum(steps[:, None], steps) + noise**2 * np.eye(20)
    factor = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(factor, observations)
    return -0.5 * whitened @ whitened - np.sum(np.log(np.diag(factor))) - 10 * math.log(2 * math.pi)


def test_log_z_is_the_integral_over_the_scales() -> None:
    target = brownian(seed=0)
    logs = np.arange(-12, 4, 0.25)  # a quarter of the narrower posterior scale is fine enough
    log_joint = [
        log_evidence_of_scales(np.asarray(target.observations), math.exp(a), math.exp(b))
        + np.sum(stats.norm.logpdf([a, b], 0, 2))
        for a in logs
        for b in logs
    ]
    expected = math.log(np.sum(np.exp(log_joint)) * 0.25**2)
    np.testing.assert_allclose(target.log_z, expected, atol=1e-3)


@pytest.mark.usefixtures("float64")
def test_samples_are_the_posteriors() -> None:
    target = brownian(seed=0)
    samples = np.asarray(sample(target, jax.random.key(0), NUM_POINTS))
    # E_p[q / p] = 1 for a q that has normal scales and, given them, the walk's own normal, but
    # narrower: of samples, density and log Z none can be wrong by itself.
    means, scales = np.array([-2.2, -2.3]), np.array([0.3, 0.4])
    log_q = np.sum(stats.norm.logpdf(samples[:, :2], means, scales), axis=1)
    differences = np.eye(30) - np.eye(30, k=-1)
    seen = np.isin(np.arange(30), OBSERVED)
    observations = np.zeros(30)
    observations[seen] = target.observations
    innovations, noises = np.exp(-2 * samples[:, :2].T)[:, :, None, None]  # the inverse variances
    precisions = innovations * (differences.T @ differences) + noises * np.diag(seen)
    walks = np.linalg.solve(precisions, noises * observations[:, None])[..., 0]
    residuals = samples[:, 2:] - walks
    shrink = 0.9
    squares = np.einsum("ni,nij,nj->n", residuals, precisions, residuals) / shrink
    log_determinants = 30 * math.log(2 * math.pi * shrink) - np.linalg.slogdet(precisions)[1]
    log_q -= 0.5 * (squares + log_determinants)
    ratios = np.exp(log_q - np.asarray(evaluate(target, samples)) + target.log_z)
    standard_error = np.std(ratios) / math.sqrt(NUM_POINTS)
    assert standard_error < 0.05
    assert abs(np.mean(ratios) - 1) < 4 * standard_error
    # Scaled by their own covariance the walks' residuals are standard normal.
    factors = np.linalg.cholesky(precisions)
    whitened = np.einsum("nji,nj->ni", factors, residuals)
    assert stats.kstest(whitened.ravel(), stats.norm.cdf).pvalue > 1e-3


def test_instance_depends_on_its_seed_alone() -> None:
    # Results are quoted per seed: fails if numpy ever changes what it draws from one.
    np.testing.assert_allclose(
        brownian().observations[[0, 19]], [-0.13886970542147103, -0.16719393456577608]
    )
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        brownian(seed=-1)
