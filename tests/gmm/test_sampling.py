"""Tests of samples of the public mixture, and of its moments against them."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm import components as gmm_components

from .cases import D, K, make, moments, points

NUM_SAMPLES = 40_000
STANDARD_ERRORS = 5.0  # a two-sided chance of 6e-7 per number compared


def assert_zero_mean(values: np.ndarray | jax.Array) -> None:
    """Asserts that independent values [N, ...] average to 0, by their own standard error."""
    values = np.asarray(values, np.float64)
    error = values.std(axis=0) / np.sqrt(len(values))
    np.testing.assert_array_less(np.abs(values.mean(axis=0)), STANDARD_ERRORS * error + 1e-6)


class Draw(NamedTuple):
    """NUM_SAMPLES samples of a mixture in float32."""

    gmm: GMM
    samples: np.ndarray  # [NUM_SAMPLES, D]
    components: np.ndarray  # [NUM_SAMPLES]
    gradient: GMM  # of the sum of samples times SLOPES


SLOPES = np.zeros((NUM_SAMPLES, D), np.float32)
SLOPES[:7] = points(7)


@functools.cache
def drawn(kind: str) -> Draw:
    @jax.jit
    def draw_and_pull_back(gmm: GMM, slopes: jax.Array) -> tuple[jax.Array, jax.Array, GMM]:
        draw = functools.partial(GMM.sample_with_components, num_samples=NUM_SAMPLES)
        samples, pull_back, components = jax.vjp(
            lambda gmm: draw(gmm, jax.random.key(11)), gmm, has_aux=True
        )
        return samples, components, pull_back(slopes)[0]

    gmm = make(kind)
    return Draw(gmm, *jax.device_get(draw_and_pull_back(gmm, SLOPES)))


def test_components_are_drawn_by_their_weights(kind: str):
    gmm, _, components, _ = drawn(kind)
    chosen = components[:, None] == np.arange(K)
    assert components.dtype == np.int32
    assert_zero_mean(chosen - np.asarray(gmm.weights))


def test_samples_have_the_moments_of_their_component(kind: str):
    _, samples, components, _ = drawn(kind)
    oracle = moments(kind)
    for component in range(K):
        centred = samples[components == component] - oracle.means[component]
        products = centred[:, :, None] * centred[:, None, :]
        assert_zero_mean(centred)
        assert_zero_mean(products - oracle.covariances[component])


def test_samples_follow_the_normal_distribution(kind: str):
    _, samples, components, _ = drawn(kind)
    oracle = moments(kind)
    own = samples[components == 1] - oracle.means[1]
    whitened = np.linalg.solve(np.linalg.cholesky(oracle.covariances[1]), own.T)
    assert scipy.stats.kstest(np.sum(whitened**2, axis=0), "chi2", args=(D,)).pvalue > 1e-4


@pytest.mark.parametrize("make_key", [jax.random.key, jax.random.PRNGKey])
def test_sample_shapes(kind: str, make_key: Callable[[int], jax.Array]):
    gmm, key = make(kind), make_key(0)
    for count in (0, 1, 5):
        draw = functools.partial(gmm.sample_with_components, num_samples=count)
        samples, components = jax.eval_shape(draw, key)
        assert (samples.shape, samples.dtype) == ((count, D), jnp.float32)
        assert (components.shape, components.dtype) == ((count,), jnp.int32)
    assert jax.eval_shape(lambda key: gmm.sample(key, 5), key).shape == (5, D)
    for wrong in ((5,), -1, 2.0):
        with pytest.raises(ValueError, match="num_samples must be an integer of at least 0"):
            gmm.sample(key, wrong)  # type: ignore[arg-type]


def test_samples_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch):
    gmm, _, components, _ = drawn("full")
    components, noise = components[:100], points(100).astype(np.float32)
    factors = np.asarray(gmm.factors)[components]
    expected = np.asarray(gmm.means)[components] + (factors @ noise[..., None])[..., 0]
    monkeypatch.setattr(gmm_components, "_GATHERED_ELEMENTS", 7 * D**2)  # leaves a remainder
    transform = jax.jit(gmm_components.transform_noise)
    found = transform(gmm.means, gmm.factors, components, noise)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_samples_are_differentiable_in_means_and_factors(kind: str):
    # Given its component k and noise z a sample is mean_k + factor_k z, linear in both.
    _, samples, components, gradient = drawn(kind)
    samples, components, slope = samples[:7], components[:7], SLOPES[:7]
    means, covariances = moments(kind)[1:]
    factors = np.linalg.cholesky(covariances)
    noise = np.linalg.solve(factors[components], (samples - means[components])[..., None])
    outer = slope[:, :, None] * noise[:, :, 0][:, None, :]
    outer = np.tril(outer) if kind == "full" else np.diagonal(outer, axis1=1, axis2=2)
    chosen = (components[:, None] == np.arange(K)).astype(float)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
    close(gradient.means, np.einsum("nk,ni->ki", chosen, slope))
    close(gradient.factors, np.einsum("nk,n...->k...", chosen, outer))
    close(gradient.log_weights, 0.0)


def test_sampling_does_not_hold_a_factor_per_sample():
    count, dim, num_components = 100_000, 30, 20
    arrays = (
        jax.ShapeDtypeStruct((num_components, dim), jnp.float32),
        jax.ShapeDtypeStruct((num_components, dim, dim), jnp.float32),
        jax.ShapeDtypeStruct((count,), jnp.int32),
        jax.ShapeDtypeStruct((count, dim), jnp.float32),
    )
    memory = jax.jit(gmm_components.transform_noise).lower(*arrays).compile().memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < 2 * 4 * count * dim


def test_moments_match_samples(kind: str):
    gmm, samples, *_ = drawn(kind)
    mean, covariance = jax.device_get(jax.jit(lambda gmm: (gmm.mean(), gmm.covariance()))(gmm))
    centred = samples - mean
    assert_zero_mean(centred)
    assert_zero_mean(centred[:, :, None] * centred[:, None, :] - covariance)


def test_expectations_match_samples(kind: str):
    gmm, samples, *_ = drawn(kind)
    generator = np.random.default_rng(4)
    matrix, offset = generator.normal(size=(2, D)), np.array([3.0, -1.0])
    square, linear = generator.normal(size=(D, D)), generator.normal(size=D)
    expected_linear, expected_quadratic = jax.device_get(
        jax.jit(
            lambda g: (g.expect_linear(matrix, offset), g.expect_quadratic(square, linear, 2.0))
        )(gmm)
    )
    assert_zero_mean(samples @ matrix.T + offset - expected_linear)
    values = np.einsum("ni,ij,nj->n", samples, square, samples) + samples @ linear + 2.0
    assert_zero_mean(values - expected_quadratic)


def test_marginal_matches_samples(kind: str):
    gmm, samples, *_ = drawn(kind)

    @jax.jit
    def marginal_moments(gmm: GMM) -> tuple[GMM, jax.Array, jax.Array]:
        marginal = gmm.marginal((3, 1))
        return marginal, marginal.mean(), marginal.covariance()

    marginal, mean, covariance = jax.device_get(marginal_moments(gmm))
    assert marginal.means.dtype == marginal.factors.dtype == jnp.float32
    edges = np.quantile(samples[:, 3], [0.1, 0.4, 0.8])
    # Coordinate 3 comes first in this marginal.
    deviations = marginal.factors[:, 0] if kind == "diagonal" else marginal.factors[:, 0, 0]
    below = scipy.stats.norm.cdf((edges[:, None] - gmm.means[:, 3]) / deviations)
    # The quantiles are of the same samples; at a fixed edge the binomial error applies.
    error = 0.5 / np.sqrt(NUM_SAMPLES)
    np.testing.assert_allclose(
        below @ np.asarray(gmm.weights), [0.1, 0.4, 0.8], atol=STANDARD_ERRORS * error
    )
    centred = samples[:, [3, 1]] - mean
    assert_zero_mean(centred[:, :, None] * centred[:, None, :] - covariance)


def test_conditional_matches_samples(kind: str):
    gmm, samples, *_ = drawn(kind)
    given, rest = [2, 0], [1, 3]

    @jax.jit
    @jax.vmap
    def moments_given(values: jax.Array) -> tuple[jax.Array, jax.Array]:
        conditional = gmm.conditional(given, values)
        return conditional.mean(), conditional.covariance()

    means, covariances = moments_given(samples[:, given])
    # A conditional mean leaves a residual of mean 0 in every function of what it is given.
    residuals = samples[:, rest] - np.asarray(means)
    functions = np.concatenate([np.ones((NUM_SAMPLES, 1)), np.tanh(samples[:, given])], axis=1)
    assert_zero_mean(residuals[:, :, None] * functions[:, None, :])
    products = residuals[:, :, None] * residuals[:, None, :] - np.asarray(covariances)
    assert_zero_mean(products[..., None] * functions[:, None, None, :])
