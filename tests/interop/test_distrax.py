"""Mixtures as distributions of Distrax; skipped where Distrax is not installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from tests.interop.mixtures import FACTOR, MEANS, POINTS, WEIGHTS, assert_same, both_kinds, mixture

distrax = pytest.importorskip("distrax")


@both_kinds
def test_mixtures_become_distributions_and_come_back(kind):
    gmm = mixture(kind)
    distribution = gmmvi.interop.distrax.to_mixture(gmm)
    assert np.allclose(distribution.log_prob(POINTS), gmm.log_prob(POINTS), rtol=1e-5)
    assert distribution.sample(seed=jax.random.key(0), sample_shape=4).shape == (4, 3)
    assert_same(gmmvi.interop.distrax.from_mixture(distribution), gmm)


COMPONENTS = {
    "an upper factor": lambda: distrax.MultivariateNormalTri(
        jnp.zeros((2, 3)), jnp.asarray(FACTOR.T)[None].repeat(2, 0), is_lower=False
    ),
    "a covariance": lambda: distrax.MultivariateNormalFullCovariance(
        jnp.zeros((2, 3)), jnp.asarray(FACTOR @ FACTOR.T)[None].repeat(2, 0)
    ),
    "low rank": lambda: distrax.MultivariateNormalDiagPlusLowRank(
        jnp.zeros((2, 3)), jnp.ones((2, 3)), jnp.ones((2, 3, 1))
    ),
    "independent coordinates": lambda: distrax.Independent(
        distrax.Normal(jnp.asarray(MEANS), jnp.asarray(2.0)), 1
    ),
    "numbers": lambda: distrax.Normal(jnp.array([-1.0, 1.0]), jnp.array([0.5, 2.0])),
}


@pytest.mark.parametrize("make", COMPONENTS.values(), ids=COMPONENTS)
def test_all_gaussian_components_are_known(make):
    weights = distrax.Categorical(probs=jnp.asarray(WEIGHTS))
    distribution = distrax.MixtureSameFamily(weights, make())
    gmm = gmmvi.interop.distrax.from_mixture(distribution)
    points = POINTS[:, : gmm.dim]
    right = distribution.log_prob(points if distribution.event_shape else points[:, 0])
    assert np.allclose(gmm.log_prob(points), right, rtol=1e-4)


def test_what_is_no_gaussian_mixture_is_named():
    weights = distrax.Categorical(probs=jnp.asarray(WEIGHTS))
    with pytest.raises(TypeError, match="MixtureSameFamily of Distrax, got Categorical"):
        gmmvi.interop.distrax.from_mixture(weights)
    laplace = distrax.MixtureSameFamily(weights, distrax.Laplace(jnp.zeros(2), jnp.ones(2)))
    with pytest.raises(TypeError, match="Gaussian components, got Laplace"):
        gmmvi.interop.distrax.from_mixture(laplace)
    many = distrax.MixtureSameFamily(
        distrax.Categorical(probs=jnp.ones((4, 2)) / 2), distrax.Normal(jnp.zeros((4, 2)), 1.0)
    )
    with pytest.raises(ValueError, match=r"\(4,\) mixtures; give one"):
        gmmvi.interop.distrax.from_mixture(many)
