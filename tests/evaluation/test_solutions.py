"""Solutions: maxima of the density, mixtures and limits of the modes; and known leaves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax import GMM, domains
from gmmvi_jax.densities import stochastic
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.densities.pytree import on_pytree
from gmmvi_jax.evaluation import Posterior
from gmmvi_jax.evaluation.solutions import find_solutions

MAXIMA = np.array([[-4.0, 1.0], [5.0, -1.0]])
# Of a mixture that is a little off, with two components on the second mode, and a light one.
MIXTURE = GMM.from_moments(
    [0.3, 0.4, 0.295, 0.005],
    [[-3.8, 1.1], [5.3, -1.0], [4.8, -1.2], [50.0, 50.0]],
    np.tile(np.eye(2), (4, 1, 1)),
)


def log_density(x):
    return jax.nn.logsumexp(-0.5 * jnp.sum((x - MAXIMA) ** 2, axis=-1)) + 7.0


def solve(posterior, target, **settings):
    return find_solutions(posterior, target, 0, **{"min_mass": 0.01, "min_dip": 0.4, **settings})


@pytest.fixture(scope="module")
def found():
    return solve(Posterior(MIXTURE), log_density)


def test_solutions_are_maxima_of_the_density(found):
    assert [one.is_polished for one in found] == [True, True]
    np.testing.assert_allclose([one.mass for one in found], [0.695, 0.3], atol=1e-6)
    np.testing.assert_allclose([one.location for one in found], MAXIMA[::-1], atol=1e-3)
    np.testing.assert_allclose([one.log_density for one in found], [7.0, 7.0], atol=1e-4)
    assert all(1 < one.num_evaluations < 50 for one in found)


def test_each_has_the_mixture_of_its_components_and_limits(found):
    own = found[0].posterior.gmm
    assert np.isclose(own.weights.sum(), 1.0)
    np.testing.assert_allclose(own.weights, np.array([0.4, 0.295]) / 0.695, rtol=1e-5)
    np.testing.assert_allclose(found[0].covariance, own.covariance(), rtol=1e-6)
    np.testing.assert_allclose(found[1].lower, [-3.8 - 1.96, 1.1 - 1.96], atol=0.1)
    np.testing.assert_allclose(found[1].upper, [-3.8 + 1.96, 1.1 + 1.96], atol=0.1)


def test_a_climb_that_leaves_the_mode_is_not_believed():
    (one,) = solve(Posterior(MIXTURE), lambda x: jnp.sum(x) * 100.0, min_mass=0.5)
    assert not one.is_polished
    np.testing.assert_allclose(one.location, [5.1, -1.1], atol=0.2)
    assert one.log_density == pytest.approx(100.0 * one.location.sum(), rel=1e-4)


def test_solutions_are_positions():
    layout = position_layout({"a": 1.0, "b": 0.0}, {"a": domains.positive})
    # By the measure of b and log a, at which the mixture has its modes.
    target = on_pytree(
        lambda p: log_density(jnp.stack([jnp.log(p["a"]), p["b"]])) - jnp.log(p["a"]),
        {"a": 1.0, "b": 0.0},
        {"a": domains.positive},
    )
    (one,) = solve(Posterior(MIXTURE, layout), target, min_mass=0.5)
    assert one.location["a"] == pytest.approx(np.exp(5.0), rel=1e-2)
    assert one.location["b"] == pytest.approx(-1.0, abs=1e-2)
    assert one.lower["a"] < np.exp(5.0) < one.upper["a"]


def test_a_stochastic_density_is_refused():
    noisy = stochastic(lambda x, key: log_density(x) + jax.random.normal(key))
    with pytest.raises(ValueError, match="the log density is stochastic"):
        solve(Posterior(MIXTURE), noisy)


LAYOUT = position_layout(
    {"a": 1.0, "b": np.zeros(2), "phi": 0.0}, {"a": domains.positive, "phi": domains.periodic()}
)
OF_LEAVES = Posterior(
    GMM.from_moments(
        [0.2, 0.8],
        np.random.default_rng(0).normal(size=(2, 4)),
        [np.diag([1.0, 2.0, 0.5, 1.0]) + 0.3, np.eye(4) - 0.1],
    ),
    LAYOUT,
)


def test_known_leaves_condition_the_mixture():
    known = OF_LEAVES.conditional({"a": 2.0})
    expected = OF_LEAVES.gmm.conditional([0], float(np.log(2.0)))
    np.testing.assert_allclose(known.gmm.means, expected.means, rtol=1e-5)
    np.testing.assert_allclose(known.gmm.weights, expected.weights, rtol=1e-5)
    draws = known.sample(0, 7)
    assert draws["b"].shape == (7, 2)
    np.testing.assert_array_equal(draws["a"], np.full(7, 2.0, np.float32))
    # p(b, phi | a) = p(a, b, phi) / p(a); the marginal of a is log-normal.
    marginal = Posterior(OF_LEAVES.gmm.marginal([0]), position_layout(1.0 * np.ones(1)))
    log_marginal = marginal.gmm.log_prob(jnp.log(2.0)[None]) - np.log(2.0)
    ratio = OF_LEAVES.log_prob(draws) - log_marginal
    np.testing.assert_allclose(known.log_prob(draws), ratio, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"c": 1.0}, "the position has no 'c'"),
        ({"a": -1.0}, "'a' must be positive, got -1.0"),
        ({"b": 1.0}, r"'b' must have shape \(2,\), got \(\)"),
        ({"phi": 1.0}, "'phi' is an angle"),
        ({"a": "one"}, "'a' must be numbers, got 'one'"),
        ({}, "must be a dict from paths of leaves"),
        (["a"], "must be a dict from paths of leaves"),
    ],
)
def test_what_cannot_be_known_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        OF_LEAVES.conditional(values)
    with pytest.raises(ValueError, match=r"gmm\.conditional"):
        Posterior(MIXTURE).conditional(values)
