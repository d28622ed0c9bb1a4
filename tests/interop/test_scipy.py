"""Mixtures with the methods of SciPy's frozen distributions."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import gmmvi_jax as gmmvi
from gmmvi_jax.evaluation import Posterior
from gmmvi_jax.interop.scipy import to_mixture
from tests.interop.mixtures import POINTS, both_kinds, mixture


@both_kinds
def test_densities_and_moments_are_those_of_the_mixture(kind):
    gmm = mixture(kind)
    frozen = to_mixture(gmm)
    assert frozen.logpdf(POINTS).dtype == np.float64
    assert np.allclose(frozen.logpdf(POINTS), gmm.log_prob(POINTS), rtol=1e-5)
    assert np.allclose(frozen.pdf(POINTS), np.exp(gmm.log_prob(POINTS)), rtol=1e-4)
    assert np.allclose(frozen.mean, gmm.mean(), rtol=1e-5)
    assert np.allclose(frozen.cov, gmm.covariance(), rtol=1e-5)


@both_kinds
def test_samples_have_the_moments_of_the_mixture(kind):
    frozen = to_mixture(mixture(kind))
    samples = frozen.rvs(20_000, random_state=0)
    assert np.all(np.abs(samples.mean(0) - frozen.mean) < 4.0 * samples.std(0) / np.sqrt(20_000))
    assert np.allclose(np.cov(samples.T), frozen.cov, atol=0.15)
    assert np.array_equal(samples, frozen.rvs(20_000, np.random.default_rng(0)))
    assert frozen.rvs(3, np.random.RandomState(0)).shape == (3, 3)


@pytest.mark.parametrize("dim", [1, 2])
def test_shapes_are_those_of_scipy(dim):
    gmm = gmmvi.GMM.from_moments([1.0], np.ones((1, dim)), np.full((1, dim), 4.0))
    frozen = to_mixture(gmm)
    normal: Any = stats.multivariate_normal
    right = normal(np.ones(dim), 4.0 * np.eye(dim))
    assert np.allclose(frozen.mean, right.mean)
    assert np.allclose(frozen.cov, right.cov)
    for size in (1, 5, (5,), (2, 3), (1, 4)):
        assert np.shape(frozen.rvs(size, 0)) == np.shape(right.rvs(size, 0))
    shapes = [(dim,), (5, dim), (2, 3, dim)] + ([(), (5,)] if dim == 1 else [])
    for shape in shapes:
        points = np.random.default_rng(0).normal(size=shape)
        assert np.shape(frozen.logpdf(points)) == np.shape(right.logpdf(points))
        assert np.allclose(frozen.logpdf(points), right.logpdf(points))
        assert np.allclose(frozen.pdf(points), right.pdf(points))


def test_a_component_without_weight_and_points_of_another_shape():
    gmm = gmmvi.GMM.from_moments([1.0, 0.0], [[0.0, 0.0], [9.0, 9.0]], np.ones((2, 2)))
    frozen = to_mixture(gmm)
    assert np.isclose(frozen.logpdf([0.0, 0.0]), -np.log(2.0 * np.pi))
    assert frozen.rvs(50, 0).max() < 6.0
    with pytest.raises(ValueError, match=r"x must have shape \[..., 2\].*got \(3,\)"):
        frozen.logpdf(np.zeros(3))


def test_doors_name_the_mixture_of_what_has_one():
    given: Any = Posterior(mixture("full"))
    for door in (gmmvi.interop.scipy, gmmvi.interop.sklearn, gmmvi.interop.numpyro):
        with pytest.raises(TypeError, match=r"needs a GMM, got Posterior; give its \.gmm"):
            door.to_mixture(given)
    given = np.zeros((3, 2))
    with pytest.raises(TypeError, match=r"got ndarray; result\.gmm is one"):
        to_mixture(given)


def test_doors_name_the_result_that_they_need():
    given: Any = mixture("full")
    doors = (
        gmmvi.interop.arviz.to_arviz,
        gmmvi.interop.blackjax.independent_proposal,
        gmmvi.interop.numpyro.guide,
    )
    for door in doors:
        with pytest.raises(TypeError, match="result must be of fit or train, got GMM"):
            door(given)
