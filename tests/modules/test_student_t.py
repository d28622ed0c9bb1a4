"""What differs where components are Student-t: densities, scores, noise, and what does not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gmmvi_jax.mixture.densities import (
    gradient_from_terms,
    gradient_terms_and_background,
    log_density,
    precisions,
)
from gmmvi_jax.mixture.drawing import draw, no_draws
from gmmvi_jax.mixture.padded import PaddedMixture, from_gmm
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.numerics.blocks import take_block
from gmmvi_jax.tmixture import TMixture

from ..oracles import make_database, make_record

D, BLOCK, CAPACITY = 3, 2, 6
DEGREES = np.array([1.0, 4.0, np.inf])


def make_mixture(diagonal: bool = False) -> TMixture:
    """Returns three components, of degrees 1, 4 and inf."""
    rng = np.random.default_rng(3)
    roots = rng.normal(size=(3, D, D)) + 2.0 * np.eye(D)
    scales = roots @ roots.transpose(0, 2, 1)
    if diagonal:
        scales = np.diagonal(scales, axis1=1, axis2=2)
    return TMixture.from_parameters([1.0, 2.0, 3.0], rng.normal(size=(3, D)), scales, DEGREES)


def in_training(mixture: TMixture) -> PaddedMixture:
    """Returns it in buffers with room for more."""
    return from_gmm(mixture, CAPACITY, BLOCK)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("diagonal", [False, True])
def test_densities_and_scores_are_those_of_the_public_mixture(diagonal: bool) -> None:
    mixture = make_mixture(diagonal)
    padded = in_training(mixture)
    # Some of them a thousand scales away.
    points = jnp.asarray(np.random.default_rng(0).standard_t(0.5, size=(64, D)))
    expected = jax.jit(jax.vmap(jax.grad(mixture.log_prob)))(points)
    log_prob, each = jax.jit(lambda m, x: (m.log_prob(x), m.component_log_probs(x)))(
        mixture, points
    )
    found = jax.jit(log_density)(padded, padded.log_weights, points)
    np.testing.assert_allclose(found, log_prob, rtol=1e-12)
    buffer = jnp.full((padded.capacity, len(points)), jnp.nan)
    gradient, terms, background = jax.jit(gradient_terms_and_background)(
        padded, points, buffer, padded.log_weights
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(background, log_prob, rtol=1e-12)
    np.testing.assert_allclose(terms[:3].T, each, rtol=1e-12)

    def read(start: Any) -> Any:
        return take_block(terms, start, BLOCK)

    kept = jax.jit(gradient_from_terms, static_argnums=3)(padded, precisions(padded), points, read)
    np.testing.assert_allclose(kept, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_draws_follow_the_distribution_of_their_component() -> None:
    padded = in_training(make_mixture())
    count = 4000
    counts = jnp.asarray([count] * 3 + [0] * 3, jnp.int32)
    buffers = no_draws(3 * count + 128, D, jnp.result_type(float))
    draws = draw(jax.random.key(0), padded.gaussians, counts, buffers, 128, 64)
    points = np.asarray(draws.points)[: 3 * count].reshape(3, count, D)
    factors = np.asarray(padded.gaussians.inverse_factor)
    for index, degrees in enumerate(DEGREES):
        shifted = points[index] - np.asarray(padded.gaussians.mean)[index]
        squared = np.sum((shifted @ factors[index].T) ** 2, axis=1)
        # |z|^2 / D follows an F distribution.
        law: Any = (
            scipy.stats.f(D, degrees) if np.isfinite(degrees) else scipy.stats.chi2(D, scale=1 / D)
        )
        assert scipy.stats.kstest(squared / D, law.cdf).pvalue > 1e-3
        # The widths of neighbours have nothing to do with one another.
        order: Any = scipy.stats.spearmanr(squared[1:], squared[:-1])
        assert order.pvalue > 1e-3


@pytest.mark.usefixtures("float64")
def test_the_natural_gradient_is_that_of_an_expectation_in_location_and_scale() -> None:
    # By quadrature over a grid: the samples are its points, and the background their density.
    degrees, location, scale = 3.0, 0.3, 1.7
    grid = np.sinh(np.linspace(-9.0, 9.0, 20001))
    spacings = np.gradient(grid)

    def reward(x: Any) -> Any:
        return np.sin(x) - 0.1 * x**2 / (1.0 + 0.01 * x**2)

    def slope(x: Any) -> Any:
        return np.cos(x) - 0.2 * x / (1.0 + 0.01 * x**2) ** 2

    def expectation(location: float, variance: float) -> float:
        law: Any = scipy.stats.t(degrees, location, np.sqrt(variance))
        return float(np.sum(spacings * law.pdf(grid) * reward(grid)))

    step = 1e-4
    variance = scale**2
    in_location = expectation(location + step, variance) - expectation(location - step, variance)
    in_variance = expectation(location, variance + step) - expectation(location, variance - step)
    mixture = from_gmm(TMixture.from_parameters([1.0], [[location]], [[[variance]]], degrees), 1, 1)
    log_background = -np.log(spacings) - np.log(len(grid))
    chunk, num_rows = 512, 20480 + 512
    database = make_database(
        grid[:, None], log_background, num_rows, chunk, target_gradient=slope(grid)[:, None]
    )
    stein = Stein(self_normalized=True)
    buffers = NaturalGradient(jnp.zeros((1, 1)), jnp.zeros((1, 1, 1)))
    found = stein(mixture, make_record(1), (), database, jnp.zeros(()), buffers)[0]
    # In whitened coordinates, and -2 of the slope in the variance is the Hessian.
    np.testing.assert_allclose(found.gradient[0, 0] / scale, in_location / (2 * step), rtol=1e-5)
    np.testing.assert_allclose(found.hessian[0, 0, 0] / variance, -in_variance / step, rtol=1e-5)
