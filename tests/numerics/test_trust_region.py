"""Tests of the trust region of one Gaussian against direct evaluation of the KL."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.trust_region import solve_multiplier, spectrum, step_divergence

from ..double_precision import enable_x64
from ..oracles import gaussian_divergence

D = 5
divergence = jax.jit(step_divergence)
divergence_of_many = jax.jit(jax.vmap(step_divergence))
solve_many = jax.jit(jax.vmap(solve_multiplier))


def random_symmetric(generator: np.random.Generator) -> np.ndarray:
    root = generator.normal(size=(D, D))
    return 0.5 * (root + root.T)


def step(hessian: np.ndarray, gradient: np.ndarray, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and covariance of the step from a standard normal."""
    covariance = np.linalg.inv(np.eye(D) + hessian / eta)
    return covariance @ gradient / eta, covariance


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("eta", [2.5, 4.0, 10.0, 1e3])
def test_the_divergence_is_that_of_the_gaussian_the_step_leads_to(eta: float) -> None:
    generator = np.random.default_rng(0)
    hessian, gradient = random_symmetric(generator), generator.normal(size=D)
    hessian *= 2.0 / np.abs(np.linalg.eigvalsh(hessian)).max()
    eigenvalues, projected = jax.jit(spectrum)(jnp.asarray(hessian), jnp.asarray(gradient))
    np.testing.assert_allclose(eigenvalues, np.linalg.eigvalsh(hessian), rtol=1e-10)
    np.testing.assert_allclose(np.sum(projected**2), gradient @ gradient, rtol=1e-10)
    expected = gaussian_divergence(*step(hessian, gradient, eta), np.zeros(D), np.eye(D))
    np.testing.assert_allclose(divergence(eigenvalues, projected, eta), expected, rtol=1e-7)


def test_a_diagonal_hessian_is_its_own_spectrum() -> None:
    hessian, gradient = jnp.arange(3.0), jnp.ones(3)
    eigenvalues, projected = spectrum(hessian, gradient)
    np.testing.assert_array_equal(eigenvalues, hessian)
    np.testing.assert_array_equal(projected, gradient)


@pytest.mark.parametrize("eta", [1.0, 1.5, 2.0])
def test_a_precision_that_is_not_positive_definite_is_infinitely_far(eta: float) -> None:
    eigenvalues = jnp.array([3.0, 1.0, -2.0])
    assert divergence(eigenvalues, jnp.ones(3), eta) == jnp.inf


@pytest.mark.parametrize("bits", [32, 64])
def test_the_divergence_of_a_precision_keeps_its_digits_at_every_size(bits: int) -> None:
    size = np.concatenate([np.geomspace(1e-7, 0.99, 400), np.geomspace(1.0, 1e4, 50)])
    relative = np.concatenate([-size[size < 0.99], size])
    with enable_x64(bits == 64):
        found = divergence_of_many(
            jnp.asarray(relative[:, None], float),
            jnp.zeros((len(relative), 1)),
            jnp.ones(len(relative)),
        )
        found = np.asarray(found, np.float64)
    # The integral of t / (1 + t)^2 from 0 to u has no cancellation; Gauss-Legendre is exact here.
    nodes, weights = np.polynomial.legendre.leggauss(60)
    log_ends = np.log1p(relative)  # t = e^s - 1: the integrand becomes 1 - e^-s
    s = 0.5 * log_ends[:, None] * (nodes + 1.0)
    exact = 0.5 * (0.5 * log_ends) * (-np.expm1(-s) @ weights)
    # float32 knows 1 + u near 0 only to a relative error of 6e-8 / (1 + u).
    tolerance = 1e-4 if bits == 32 else 1e-7
    np.testing.assert_allclose(found, exact, rtol=tolerance)


def random_spectra(generator: np.random.Generator, num_problems: int) -> tuple[np.ndarray, ...]:
    curvature = 10.0 ** generator.uniform(-3.0, 3.0, size=(num_problems, 1))
    eigenvalues = curvature * generator.normal(size=(num_problems, D))
    eigenvalues[::4] = np.abs(eigenvalues[::4])  # convex ones
    eigenvalues[1::4] = -np.abs(eigenvalues[1::4])  # everywhere the wrong way
    eigenvalues[2::16] = 0.0
    gradient = 10.0 ** generator.uniform(-3.0, 3.0, size=(num_problems, 1))
    gradient = gradient * generator.normal(size=(num_problems, D))
    gradient[3::16] = 0.0
    bound = 10.0 ** generator.uniform(-3.0, 1.0, size=num_problems)
    return eigenvalues, gradient, bound


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("lowest", [1.0, 0.3, 20.0])
def test_the_multiplier_is_the_smallest_that_satisfies_the_bound(lowest: float) -> None:
    eigenvalues, gradient, bound = random_spectra(np.random.default_rng(4), 160)
    eta, found = solve_many(eigenvalues, gradient, bound, jnp.full(len(bound), lowest))
    eta = np.asarray(eta)
    met = np.asarray(divergence_of_many(eigenvalues, gradient, jnp.asarray(eta)))
    np.testing.assert_allclose(found, met, rtol=1e-9)
    at_lowest = np.asarray(divergence_of_many(eigenvalues, gradient, jnp.full(len(bound), lowest)))
    is_full = at_lowest <= bound
    assert 20 < is_full.sum() < len(bound) - 20
    np.testing.assert_array_equal(eta[is_full], lowest)
    assert np.all(eta > -eigenvalues.min(axis=1))
    assert np.all(met <= bound)
    assert np.all(met[~is_full] >= 0.998 * bound[~is_full])
    # Smaller multipliers, on a grid that reaches down to the lowest, violate the bound.
    for share in np.linspace(0.0, 0.998, 50):
        smaller = jnp.asarray(lowest ** (1.0 - share) * eta**share)
        closer = np.asarray(divergence_of_many(eigenvalues, gradient, smaller))
        assert np.all(closer[~is_full] >= met[~is_full])
        significantly = ~is_full & (smaller < 0.998 * eta)
        assert np.all(closer[significantly] > bound[significantly])
