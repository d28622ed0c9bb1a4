"""The Student-t mixture targets against scipy, and their exact samples against their density."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from gmmvi_jax.targets import SolvedTarget, StudentTMixtureTarget, stm

from ..double_precision import enable_x64

cached_stm = functools.cache(stm)  # 300-D takes a second to build

# jitted once for the file: op by op, compiling takes most of the time.
evaluate = jax.jit(lambda target, points: jax.vmap(target)(points))
values_and_gradients = jax.jit(lambda target, points: jax.vmap(jax.value_and_grad(target))(points))
sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)


def scale_matrices_of(target: StudentTMixtureTarget) -> np.ndarray:
    """Return [K, D, D]."""
    factors = np.asarray(target.factors)
    return factors @ factors.transpose(0, 2, 1)


def scipy_log_density(target: StudentTMixtureTarget, points: np.ndarray) -> np.ndarray:
    """Return the log density [N] at `points` [N, D]."""
    densities = [
        stats.multivariate_t(mean, scale, df=2).logpdf(points)
        for mean, scale in zip(target.means, scale_matrices_of(target), strict=True)
    ]
    return special.logsumexp(densities, axis=0) - np.log(len(densities))


def whiten_by_own_component(
    target: StudentTMixtureTarget, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the most likely component [N] of each point, and the point whitened by it [N, D]."""
    whitened = np.einsum("kij,nkj->nki", target.inverse_factors, points[:, None] - target.means)
    origins = np.argmin(np.sum(whitened**2, axis=-1), axis=1)
    return origins, whitened[np.arange(len(points)), origins]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "dim", [pytest.param(1, marks=pytest.mark.slow), 20, pytest.param(300, marks=pytest.mark.slow)]
)
def test_density_is_scipys(dim: int) -> None:
    target = cached_stm(dim, 3)
    near = np.asarray(sample(target, jax.random.key(0), 20))
    far = np.random.default_rng(0).uniform(-1000, 1000, (20, dim))
    points = np.concatenate([near, far, target.modes])
    expected = scipy_log_density(target, points)
    np.testing.assert_allclose(evaluate(target, points), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("dim", "tolerance"), [(20, 5e-4), pytest.param(300, 0.2, marks=pytest.mark.slow)]
)
def test_single_precision_near_the_mass(dim: int, tolerance: float) -> None:
    # Where the samples of a fitted model are, what counts is the absolute error in nats.
    target = cached_stm(dim, 3)
    points = sample(target, jax.random.key(0), 60)
    assert points.dtype == jnp.float32
    expected = scipy_log_density(target, np.asarray(points, np.float64))
    np.testing.assert_allclose(evaluate(target, points), expected, rtol=0, atol=tolerance)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dim", [pytest.param(1, marks=pytest.mark.slow), 20])
def test_gradient_is_the_slope_of_scipys_density(dim: int) -> None:
    target = cached_stm(dim, 3)
    near = np.asarray(sample(target, jax.random.key(1), 5))
    points = np.concatenate([near, 3 * near])  # in the mass, and between the components
    step = 1e-5
    shifts = step * np.eye(dim)
    up, down = (
        scipy_log_density(target, (points[:, None] + sign * shifts).reshape(-1, dim))
        for sign in (1, -1)
    )
    slopes = (up - down).reshape(-1, dim) / (2 * step)
    _, gradients = values_and_gradients(target, points)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-6, atol=1e-6 * np.max(np.abs(slopes)))


@pytest.mark.parametrize(
    ("dim", "num_components", "bound"),
    [(20, 10, 20), pytest.param(300, 20, 25, marks=pytest.mark.slow)],
)
def test_construction_is_the_published_one(dim: int, num_components: int, bound: float) -> None:
    target = cached_stm(dim, 3)
    assert isinstance(target, SolvedTarget)
    assert target.means.shape == (num_components, dim)
    assert target.degrees_of_freedom == 2.0
    assert target.log_z == 0.0
    assert np.max(np.abs(target.means)) <= bound
    # Uniform draws: their standard deviation is bound / sqrt(3) to within 4 standard errors.
    deviation = bound / np.sqrt(3)
    assert abs(np.std(target.means) - deviation) < 4 * deviation * np.sqrt(0.2 / target.means.size)
    # The inverse of the scale matrix is A^T A + I. E[(A^T A + I)_ii] = D (0.1 D)^2 + 1, and the
    # diagonal entries, (0.1 D)^2 chi^2_D + 1, have the variance (0.1 D)^4 2 D.
    inverse_scales = np.linalg.inv(scale_matrices_of(target))
    assert np.min(np.linalg.eigvalsh(inverse_scales)) >= 1 - 1e-6
    diagonals = np.diagonal(inverse_scales, axis1=1, axis2=2)
    standard_error = (0.1 * dim) ** 2 * np.sqrt(2 * dim / diagonals.size)
    assert abs(np.mean(diagonals) - dim * (0.1 * dim) ** 2 - 1) < 4 * standard_error
    identity = np.asarray(target.factors) @ np.asarray(target.inverse_factors)
    np.testing.assert_allclose(identity, np.broadcast_to(np.eye(dim), identity.shape), atol=1e-10)
    assert np.all(np.triu(target.factors, 1) == 0)
    assert np.all(np.triu(target.inverse_factors, 1) == 0)


def test_instance_depends_on_its_seed_alone() -> None:
    first = stm(20, seed=7)
    with enable_x64(True):
        second = stm(20, seed=7)
    chex.assert_trees_all_equal(first, second, strict=True)
    assert first.means.dtype == np.float64
    assert not np.array_equal(stm(20, seed=8).means, first.means)


def test_instances_are_the_same_everywhere() -> None:
    # Results are quoted per seed: fails if numpy ever changes what it draws from one.
    target = stm(20, seed=0)
    first_mean = [5.478467492858172, -9.208531449445188, -18.361059042552213]
    np.testing.assert_allclose(target.means[0, :3], first_mean, rtol=1e-12)
    last_row = [4.081997229552568, 8.455416198565233]
    np.testing.assert_allclose(target.inverse_factors[9, 19, 18:], last_row, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_samples_have_the_radii_of_a_student_t() -> None:
    # There are no moments to compare: |L^-1 (x - mu)|^2 / D has the F distribution with D and nu
    # degrees of freedom, so its distribution function is uniform.
    target = stm(20, seed=2)
    num_samples = 20_000
    points = np.asarray(sample(target, jax.random.key(1), num_samples))
    origins, own = whiten_by_own_component(target, points)
    ranks = stats.f(20, 2).cdf(np.sum(own**2, axis=1) / 20)
    levels = np.linspace(0.05, 0.95, 19)
    shares = np.mean(ranks[:, None] < levels, axis=0)
    tolerances = 5 * np.sqrt(levels * (1 - levels) / num_samples)
    np.testing.assert_array_less(np.abs(shares - levels), tolerances)
    counts = np.bincount(origins, minlength=10)
    assert np.max(np.abs(counts - num_samples / 10)) < 5 * np.sqrt(num_samples * 0.09)
    # Directions are uniform on the sphere: mean zero, covariance I / D.
    directions = own / np.linalg.norm(own, axis=1, keepdims=True)
    error = 5 / np.sqrt(num_samples)
    np.testing.assert_allclose(np.mean(directions, axis=0), 0, atol=error / np.sqrt(20))
    np.testing.assert_allclose(20 * np.cov(directions.T), np.eye(20), atol=error * np.sqrt(2))


@pytest.mark.usefixtures("float64")
def test_samples_have_the_density_they_claim() -> None:
    # E_p[q / p] = 1 for a normalised q that p dominates, here the Gaussians of half the width:
    # wrong samples or a wrong constant would show.
    target = stm(3, seed=1)
    points = np.asarray(sample(target, jax.random.key(0), 20_000))
    normals = [
        stats.multivariate_normal(mean, 0.25 * scale).logpdf(points)
        for mean, scale in zip(target.means, scale_matrices_of(target), strict=True)
    ]
    log_q = special.logsumexp(normals, axis=0) - np.log(len(normals))
    ratios = np.exp(log_q - np.asarray(evaluate(target, points)))
    standard_error = np.std(ratios) / np.sqrt(len(ratios))
    assert standard_error < 0.02
    assert abs(np.mean(ratios) - 1) < 4 * standard_error


def test_modes_are_local_maxima() -> None:
    target = stm(20, seed=0)
    with enable_x64(True):
        values, gradients = values_and_gradients(target, target.modes)
    # A mode moves by what the other components' tails contribute: nothing to speak of.
    np.testing.assert_allclose(gradients, 0, atol=1e-6)
    np.testing.assert_allclose(values, target.log_normalisers, rtol=1e-6)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="dim must be an integer of at least 1, got 0"):
        stm(0)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        stm(20, seed=-1)
