"""Tests of samples of the mixture of Student-t distributions, against scipy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.student_t import noise_scale
from gmmvi_jax.tmixture import TMixture

from ..double_precision import enable_x64
from .cases import DEGREES, D, K, make, parameters

NUM_SAMPLES = 20_000
LEAST_P_VALUE = 1e-4

draw = jax.jit(TMixture.sample_with_components, static_argnums=2)


@functools.cache
def drawn(kind: str) -> tuple[np.ndarray, np.ndarray]:
    return jax.device_get(draw(make(kind), jax.random.key(11), NUM_SAMPLES))


def test_samples_follow_the_distribution_of_their_component(kind: str):
    samples, components = drawn(kind)
    oracle = parameters(kind)
    for component, degrees in enumerate(DEGREES):
        own = samples[components == component] - oracle.locations[component]
        whitened = np.linalg.solve(np.linalg.cholesky(oracle.scales[component]), own.T)
        # The squared norm over D follows F(D, nu), each coordinate a univariate Student-t.
        squared = np.sum(whitened**2, axis=0)
        radial = scipy.stats.chi2(D) if np.isinf(degrees) else scipy.stats.f(D, degrees, scale=D)
        assert scipy.stats.kstest(squared, radial.cdf).pvalue > LEAST_P_VALUE
        for coordinate in whitened:
            result = scipy.stats.kstest(coordinate, scipy.stats.t(degrees).cdf)
            assert result.pvalue > LEAST_P_VALUE


def test_components_are_drawn_by_their_weights(kind: str):
    _, components = drawn(kind)
    counts = np.bincount(components, minlength=K)
    expected = parameters(kind).weights * NUM_SAMPLES
    assert scipy.stats.chisquare(counts, expected).pvalue > LEAST_P_VALUE


def test_moments_match_samples(kind: str):
    # Of enough degrees that the products have a variance.
    mixture = make(kind, [9.0, 12.0, np.inf])
    samples = np.asarray(draw(mixture, jax.random.key(3), NUM_SAMPLES)[0], float)
    centred = samples - np.asarray(mixture.mean())
    residuals = centred[:, :, None] * centred[:, None, :] - np.asarray(mixture.covariance())
    for values in (centred, residuals):
        error = values.std(axis=0) / np.sqrt(NUM_SAMPLES)
        np.testing.assert_array_less(np.abs(values.mean(axis=0)), 5.0 * error)


def test_infinite_degrees_give_the_samples_of_the_gaussian(kind: str):
    mixture = make(kind, np.inf)
    gmm = GMM(mixture.log_weights, mixture.means, mixture.factors)
    key = jax.random.key(4)
    np.testing.assert_array_equal(mixture.sample(key, 50), gmm.sample(key, 50))
    many = make(kind, 1e8).sample(key, 50)
    np.testing.assert_allclose(many, gmm.sample(key, 50), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("degrees", [0.3, 1.0, 5.0, 200.0, 1.9e4, 2.1e4, 1e8])
def test_scales_follow_the_inverse_root_of_chi2(degrees: float):
    given = jnp.full(NUM_SAMPLES, degrees, jnp.float32)
    scales = np.asarray(jax.jit(noise_scale)(jax.random.key(5), given), float)
    result = scipy.stats.kstest(degrees / scales**2, scipy.stats.chi2(degrees).cdf)
    assert result.pvalue > LEAST_P_VALUE


def test_few_degrees_give_finite_samples_with_finite_slopes():
    def total(mixture: TMixture) -> jax.Array:
        return jnp.sum(jnp.tanh(mixture.sample(jax.random.key(0), 2000)))

    mixture = make("full", [0.05, 1e8, np.inf])
    assert np.all(np.isfinite(mixture.sample(0, 2000)))
    for leaf in jax.tree.leaves(jax.jit(jax.grad(total))(mixture)):
        assert np.all(np.isfinite(leaf))


@pytest.mark.usefixtures("float64")
def test_samples_are_differentiable_in_all_that_shapes_components(kind: str):
    mixture, step = make(kind, [1.5, 7.0, 40.0]), 1e-5
    value_and_slopes = jax.jit(
        jax.value_and_grad(lambda mixture: jnp.sum(jnp.sin(mixture.sample(jax.random.key(2), 30))))
    )
    slopes = value_and_slopes(mixture)[1]
    np.testing.assert_array_equal(slopes.log_weights, 0.0)
    # In degrees with the random numbers held fixed the sampler itself is discontinuous: it accepts
    # other proposals. Its slope is that of the quantile, which the next test checks.
    for name in ("means", "factors"):
        slope, array = np.asarray(getattr(slopes, name)), np.asarray(getattr(mixture, name))
        direction = np.random.default_rng(6).normal(size=array.shape)
        ends = [
            value_and_slopes(_with(mixture, name, array + sign * step * direction))[0]
            for sign in (1.0, -1.0)
        ]
        difference = (ends[0] - ends[1]) / (2.0 * step)
        np.testing.assert_allclose(np.sum(slope * direction), difference, rtol=1e-6)


def _with(mixture: TMixture, name: str, array: np.ndarray) -> TMixture:
    fields = {field: getattr(mixture, field) for field in ("log_weights", "means", "factors")}
    return TMixture(**(fields | {name: jnp.asarray(array)}), degrees=mixture.degrees)


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("degrees", [0.7, 3.0, 50.0, 1e4, 3e4, 1e8])
def test_slopes_in_degrees_are_those_of_the_quantile(degrees: float, x64: bool):
    with enable_x64(x64):
        draw_scales = functools.partial(noise_scale, jax.random.key(8))
        given = jnp.full(20, degrees, float)
        scales, slopes = jax.device_get(jax.jvp(draw_scales, (given,), (jnp.ones_like(given),)))
    logs = np.log(scales.astype(float))
    if degrees < 1e6:
        # With chi2 = nu / scale^2 and its level held fixed.
        levels = scipy.stats.chi2(degrees).cdf(degrees * np.exp(-2.0 * logs))
        step = 1e-4 * degrees
        above, below = (
            np.sqrt((degrees + change) / scipy.stats.chi2(degrees + change).ppf(levels))
            for change in (step, -step)
        )
        expected = (above - below) / (2.0 * step)
    else:  # to first order, the logarithm of the scale is normal with variance 1 / (2 nu)
        expected = -0.5 * logs / degrees
    spread = 0.5 * degrees**-1.5
    tolerance = 3e-4 if x64 else 0.05
    np.testing.assert_allclose(slopes, expected, rtol=tolerance, atol=tolerance * spread)
