"""Tests of the density of a Student-t distribution against scipy and exact sums, in float64."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from gmmvi_jax.numerics.student_t import log_kernel, log_normaliser, score_weight, unit_entropy

from ..double_precision import enable_x64

DIMS = (1, 2, 3, 10, 101, 1000)
DEGREES = (0.1, 0.5, 1.0, 2.0, 3.5, 10.0, 30.0, 1e3, 1e6, 1e8, 1e15, np.inf)
DISTANCES = (0.0, 1e-30, 1e-4, 0.3, 2.0, 50.0, 1e6, 1e20)
SINGLE = float(np.finfo(np.float32).eps)
# Programs, instead of one for each operation.
kernel = jax.jit(log_kernel, static_argnums=2)
entropy = jax.jit(unit_entropy, static_argnums=1)


def student_t(dim: int, degrees: float) -> Any:
    """Returns scipy's distribution with the identity as scale matrix."""
    oracle: Any = scipy.stats.multivariate_t
    return oracle(shape=np.eye(dim), df=degrees)


def exact_normaliser(degrees: float, dim: int) -> float:
    """Returns the logarithm of the ratio of two Gamma functions as a sum, where D is even.

    For odd D one step of a half remains, whose asymptotic series is used for large degrees.
    """
    if np.isinf(degrees):
        return -0.5 * dim * np.log(2.0 * np.pi)
    half, steps = 0.5 * degrees, np.arange(dim // 2) + 0.5 * (dim % 2)
    total = np.sum(np.log1p(steps / half)) - 0.5 * dim * np.log(2.0 * np.pi)
    if dim % 2 and half < 50.0:
        total += scipy.special.gammaln(half + 0.5) - scipy.special.gammaln(half)
        total -= 0.5 * np.log(half)
    elif dim % 2:  # Gamma(a + 1/2) / (Gamma(a) sqrt(a)), NIST DLMF 5.11.13
        total += -1 / (8 * half) + 1 / (192 * half**3) - 1 / (640 * half**5) + 17 / 14336 / half**7
    return float(total)


@pytest.mark.parametrize("is_double", [False, True])
def test_the_normaliser_is_exact_from_heavy_tails_to_the_gaussian(is_double: bool):
    dtype = np.float64 if is_double else np.float32
    given = np.array(DEGREES, dtype)
    with enable_x64(is_double):
        for dim in DIMS:
            found = jax.jit(log_normaliser, static_argnums=1)(given, dim)
            assert found.dtype == dtype
            expected = [exact_normaliser(float(degrees), dim) for degrees in given]
            tolerance = 2e-14 if is_double else 8.0 * SINGLE
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_the_slope_of_the_normaliser_keeps_its_digits_in_float32():
    degrees = np.array([0.1, 1.0, 3.0, 20.0, 1e3, 1e6], np.float32)
    for dim in (2, 10, 1000):
        steps, half = np.arange(dim // 2), 0.5 * degrees.astype(float)
        expected = -0.5 * np.sum(steps / (half[:, None] * (half[:, None] + steps)), axis=1)
        found = jax.jit(jax.vmap(jax.grad(lambda nu, dim=dim: log_normaliser(nu, dim))))(degrees)
        scale = 1e-6 * 0.25 * dim / half  # of the terms that cancel
        np.testing.assert_array_less(np.abs(found - expected), 2e-5 * np.abs(expected) + scale)


@pytest.mark.usefixtures("float64")
def test_the_kernel_matches_scipy():
    for dim in (1, 3, 40):
        for degrees in (0.1, 1.0, 4.0, 300.0, np.inf):
            points = np.sqrt(np.array(DISTANCES[:-1]))[:, None] * np.eye(dim)[0]
            oracle = student_t(dim, degrees)
            found = kernel(jnp.array(DISTANCES[:-1]), jnp.asarray(degrees), dim)
            np.testing.assert_allclose(found, oracle.logpdf(points), rtol=1e-11)


def test_float32_agrees_with_float64_at_every_distance():
    for dim in (1, 10, 1000):
        distances, degrees = np.array(DISTANCES, np.float32)[:, None], np.array(DEGREES, np.float32)
        single = kernel(distances, degrees, dim)
        assert single.shape == (len(DISTANCES), len(DEGREES))
        with enable_x64(True):
            arguments = distances.astype(float), degrees.astype(float), dim
            double = kernel(*arguments)
        np.testing.assert_allclose(single, double, rtol=10 * SINGLE, atol=10 * SINGLE * dim)


def test_the_gaussian_is_the_limit():
    distances = jnp.array([0.0, 0.1, 3.0, 500.0])
    for degrees in (1e30, 3e38, np.inf):
        found = log_kernel(distances, jnp.float32(degrees), 5)
        expected = -0.5 * distances - 2.5 * np.log(2.0 * np.pi)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_allclose(score_weight(distances, jnp.float32(degrees), 5), 1.0)


@pytest.mark.usefixtures("float64")
def test_gradients_match_finite_differences_and_the_score_weight():
    squared, degrees = np.meshgrid([1e-3, 0.7, 40.0, 3e3], [0.3, 2.0, 15.0, 1e3, 1e5])
    squared, degrees = jnp.array(squared.ravel()), jnp.array(degrees.ravel())
    slopes = jax.vmap(jax.grad(log_kernel, argnums=(0, 1)), in_axes=(0, 0, None))
    each = jax.jit(slopes, static_argnums=2)
    in_squared, in_degrees = each(squared, degrees, 7)
    np.testing.assert_allclose(in_squared, -0.5 * score_weight(squared, degrees, 7), rtol=1e-12)
    step = 1e-4 * degrees
    ends = [kernel(squared, degrees + sign * step, 7) for sign in (1.0, -1.0)]
    np.testing.assert_allclose(in_degrees, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-13)


def test_nothing_is_nan_at_any_distance_and_degrees():
    distances = jnp.array([*DISTANCES, 1e38, np.inf])
    degrees = jnp.array([1e-3, *DEGREES, 3e38])

    def everything(squared: jax.Array, degrees: jax.Array) -> tuple[jax.Array, ...]:
        kernel = jax.value_and_grad(log_kernel, argnums=(0, 1))(squared, degrees, 3)
        weight = jax.value_and_grad(score_weight, argnums=(0, 1))(squared, degrees, 3)
        return tuple(jax.tree.leaves((kernel, weight)))

    over_both = jax.vmap(jax.vmap(everything, (0, None)), (None, 0))
    for values in jax.jit(over_both)(distances, degrees):
        assert np.all(np.isfinite(values))


@pytest.mark.parametrize("is_double", [pytest.param(False, marks=pytest.mark.slow), True])
def test_entropies_match_scipy(is_double: bool):
    with enable_x64(is_double):
        for dim in (1, 3, 100):
            # scipy loses its digits where the degrees are many.
            degrees = np.array([0.25, 1.0, 3.0, 15.0, 16.0, 200.0, np.inf])
            found = entropy(jnp.asarray(degrees, float), dim)
            expected = [student_t(dim, each).entropy() for each in degrees]
            np.testing.assert_allclose(found, expected, rtol=1e-11 if is_double else 3e-6)
        slopes = jax.jit(jax.vmap(jax.grad(lambda degrees: unit_entropy(degrees, 3))))
        assert np.all(np.isfinite(slopes(jnp.array([0.1, 5.0, 1e8, np.inf]))))
