"""The mixture targets against scipy, and their exact samples against their density."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from gmmvi_jax.targets import GaussianMixtureTarget, SolvedTarget, gmm

from ..double_precision import enable_x64

# jitted once for the file: op by op, compiling takes most of the time.
evaluate = jax.jit(lambda target, points: jax.vmap(target)(points))

sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)


def covariances_of(target: GaussianMixtureTarget) -> np.ndarray:
    """Return [K, D, D]."""
    factors = np.asarray(target.factors)
    return factors @ factors.transpose(0, 2, 1)


def scipy_log_density(
    target: GaussianMixtureTarget, points: np.ndarray, covariance_scale: float = 1.0
) -> np.ndarray:
    """Return the log density [N] at `points` [N, D], the covariances scaled by a factor."""
    densities = [
        stats.multivariate_normal(mean, covariance_scale * covariance).logpdf(points)
        for mean, covariance in zip(target.means, covariances_of(target), strict=True)
    ]
    return special.logsumexp(densities, axis=0) - np.log(len(densities))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dim", [1, 20, 100])
def test_density_is_scipys(dim: int) -> None:
    target = gmm(dim, seed=3)
    near = np.asarray(sample(target, jax.random.key(0), 20))
    far = np.random.default_rng(0).uniform(-100, 100, (20, dim))
    points = np.concatenate([near, far, target.modes])
    expected = scipy_log_density(target, points)
    np.testing.assert_allclose(evaluate(target, points), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dim", [20, 100])
def test_single_precision_near_the_mass(dim: int) -> None:
    # Where the samples of a fitted model are, what counts is the absolute error in nats.
    target = gmm(dim, seed=3)
    points = sample(target, jax.random.key(0), 200)
    assert points.dtype == jnp.float32
    expected = scipy_log_density(target, np.asarray(points, np.float64))
    np.testing.assert_allclose(evaluate(target, points), expected, rtol=0, atol=5e-4)


def test_construction_is_the_published_one() -> None:
    target = gmm(20, seed=0)
    assert isinstance(target, SolvedTarget)
    assert target.means.shape == (10, 20)
    assert target.log_z == 0.0
    assert np.max(np.abs(target.means)) <= 50
    # 200 uniform draws: their standard deviation is 100 / sqrt(12) to within 4 standard errors.
    assert abs(np.std(target.means) - 100 / np.sqrt(12)) < 4 * 28.87 * np.sqrt(0.2 / 200)
    covariances = covariances_of(target)
    assert np.min(np.linalg.eigvalsh(covariances)) >= 1 - 1e-9
    # E[(A^T A + I)_ii] = D (0.1 D)^2 + 1 = 81; a diagonal entry is 4 chi^2_20 + 1, of variance 640.
    diagonals = np.diagonal(covariances, axis1=1, axis2=2)
    assert abs(np.mean(diagonals) - 81) < 4 * np.sqrt(640 / diagonals.size)
    identity = np.asarray(target.factors) @ np.asarray(target.inverse_factors)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(20), identity.shape), atol=1e-12)


def test_instance_depends_on_its_seed_alone() -> None:
    first = gmm(20, seed=7)
    with enable_x64(True):
        second = gmm(20, seed=7)
    chex.assert_trees_all_equal(first, second, strict=True)
    assert first.means.dtype == np.float64
    assert not np.array_equal(gmm(20, seed=8).means, first.means)


def test_instances_are_the_same_everywhere() -> None:
    # Results are quoted per seed: fails if numpy ever changes what it draws from one.
    target = gmm(20, seed=0)
    first_mean = [13.69616873214543, -23.02132862361297, -45.90264760638053]
    np.testing.assert_allclose(target.means[0, :3], first_mean, rtol=1e-12)
    last_factor = [2.736611668167628, 3.427847454518555]
    np.testing.assert_allclose(target.factors[9, 19, 18:], last_factor, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_samples_have_the_density_they_claim() -> None:
    # E_p[q / p] = 1 for the normalised q, here with covariances scaled by 0.9 (its ratio to p is
    # bounded; the variance is 0.1 in 20-D): wrong samples or a wrong constant would show.
    target = gmm(20, seed=1)
    points = sample(target, jax.random.key(0), 4000)
    log_q = scipy_log_density(target, np.asarray(points), covariance_scale=0.9)
    ratios = np.exp(log_q - np.asarray(evaluate(target, points)))
    standard_error = np.std(ratios) / np.sqrt(len(ratios))
    assert standard_error < 0.01
    assert abs(np.mean(ratios) - 1) < 4 * standard_error


@pytest.mark.usefixtures("float64")
def test_importance_weights_average_to_one() -> None:
    # The other way round, with samples that are not the target's: E_q[p / q] = 1.
    target = gmm(5, seed=1)
    generator = np.random.default_rng(0)
    origins = generator.integers(10, size=4000)
    noise = np.sqrt(1.5) * generator.normal(size=(4000, 5))
    points = target.means[origins] + np.einsum("nij,nj->ni", target.factors[origins], noise)
    log_q = scipy_log_density(target, points, covariance_scale=1.5)
    weights = np.exp(np.asarray(evaluate(target, points)) - log_q)
    assert abs(np.mean(weights) - 1) < 4 * np.std(weights) / np.sqrt(len(weights))


def test_samples_come_equally_from_every_component() -> None:
    target = gmm(20, seed=2)
    num_samples = 20_000
    points = np.asarray(target.sample(jax.random.key(1), num_samples))
    assert points.shape == (num_samples, 20)
    # Whitened by its own component a sample is standard normal: the smallest norm finds it.
    whitened = np.einsum("kij,nkj->nki", target.inverse_factors, points[:, None] - target.means)
    origins = np.argmin(np.sum(whitened**2, axis=-1), axis=1)
    counts = np.bincount(origins, minlength=10)
    assert np.max(np.abs(counts - num_samples / 10)) < 5 * np.sqrt(num_samples * 0.09)
    own = whitened[np.arange(num_samples), origins]
    np.testing.assert_allclose(np.mean(own, axis=0), 0, atol=5 / np.sqrt(num_samples))
    np.testing.assert_allclose(np.cov(own.T), np.eye(20), atol=5 * np.sqrt(2 / num_samples))


def test_modes_are_local_maxima() -> None:
    target = gmm(20, seed=0)
    value_and_grad = jax.jit(jax.vmap(jax.value_and_grad(target)))
    values, gradients = value_and_grad(target.modes)
    np.testing.assert_allclose(gradients, 0, atol=1e-4)
    np.testing.assert_allclose(values, target.log_normalisers, rtol=1e-5)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="dim must be an integer of at least 1, got 0"):
        gmm(0)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        gmm(20, seed=-1)
