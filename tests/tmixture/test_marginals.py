"""Tests of marginals and conditionals against scipy, in float64."""

import jax
import numpy as np
import pytest
import scipy.integrate
import scipy.special

from gmmvi_jax.tmixture import TMixture

from ..double_precision import enable_x64
from .cases import DEGREES, EXACT, D, make, parameters, points

log_prob = jax.jit(TMixture.log_prob)  # a program, instead of one for each operation


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dims", [(2,), (1, 3, 0)])
def test_marginal_matches_the_submatrices(kind: str, dims: tuple[int, ...]):
    oracle, x = parameters(kind).marginal(dims), points(5)[:, list(dims)]
    marginal = make(kind).marginal(dims)
    np.testing.assert_array_equal(marginal.degrees, DEGREES)
    assert marginal.is_diagonal == (kind == "diagonal")
    np.testing.assert_allclose(log_prob(marginal, x), oracle.log_prob(x), rtol=EXACT)


@pytest.mark.usefixtures("float64")
def test_marginal_is_the_integral_of_the_joint(kind: str):
    marginal = make(kind).marginal((0, 1)).marginal(0)
    joint = parameters(kind).marginal((0, 1))
    for value in (-1.0, 2.0, 6.0):
        total = scipy.integrate.quad(
            lambda other, value=value: float(np.exp(joint.log_prob(np.array([value, other])))),
            -np.inf, np.inf, limit=200,
        )[0]  # fmt: skip
        np.testing.assert_allclose(np.exp(log_prob(marginal, np.array([value]))), total, rtol=1e-6)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dims", [(2, 1, 3), (0,)])
def test_conditional_is_joint_over_marginal(kind: str, dims: tuple[int, ...]):
    mixture, oracle, x = make(kind), parameters(kind), points(4)
    given, rest = np.array(dims), np.setdiff1d(np.arange(D), dims)
    expected = oracle.log_prob(x) - oracle.marginal(dims).log_prob(x[:, given])
    with jax.numpy_rank_promotion("raise"):
        found = jax.jit(jax.vmap(lambda x: mixture.conditional(dims, x[given]).log_prob(x[rest])))(
            x
        )
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_conditional_has_the_parameters_of_ding(kind: str):
    oracle, values, given, rest = parameters(kind), np.array([0.3, -1.0]), (3, 1), (0, 2)
    conditional = make(kind).conditional(given, values)
    log_weights = np.log(oracle.weights) + oracle.marginal(given).component_log_probs(values)
    np.testing.assert_allclose(conditional.weights, scipy.special.softmax(log_weights), rtol=1e-9)
    np.testing.assert_allclose(conditional.degrees, DEGREES + 2)
    for component, degrees in enumerate(DEGREES):
        location, scale = oracle.locations[component], oracle.scales[component]
        own = scale[np.ix_(given, given)]
        gain = scale[np.ix_(rest, given)] @ np.linalg.inv(own)
        offset = values - location[[*given]]
        distance = offset @ np.linalg.solve(own, offset)
        wider = 1.0 if np.isinf(degrees) else (degrees + distance) / (degrees + 2)
        schur = scale[np.ix_(rest, rest)] - gain @ scale[np.ix_(given, rest)]
        expected = location[[*rest]] + gain @ offset
        np.testing.assert_allclose(conditional.means[component], expected, rtol=1e-9)
        found = conditional.scale_matrices[component]
        np.testing.assert_allclose(found, wider * schur, rtol=1e-9, atol=1e-13)


def test_conditional_of_a_diagonal_one_depends_on_the_values():
    mixture = make("diagonal", 3.0)
    near, far = (mixture.conditional(0, value) for value in (0.0, 1e3))
    assert np.all(np.asarray(far.factors) > 50.0 * np.asarray(near.factors))


def test_conditional_is_stable_far_away(kind: str):
    mixture = make(kind)
    near = mixture.conditional(1, 1e6)
    with enable_x64(True):
        conditional = make(kind).conditional(1, 1e6)
        expected = jax.device_get((conditional.weights, conditional.scale_matrices))
    np.testing.assert_allclose(near.weights, expected[0], atol=1e-3)
    np.testing.assert_allclose(near.scale_matrices, expected[1], rtol=1e-3, atol=10.0)
    for value in [1e10, -1e20, 1e30]:
        conditional = mixture.conditional(1, value)
        assert np.all(np.isfinite(conditional.means))
        assert np.all(np.isfinite(conditional.factors))
        np.testing.assert_allclose(np.sum(conditional.weights), 1.0, rtol=1e-6)


def test_dims_and_values_are_checked():
    mixture = make("full")
    with pytest.raises(ValueError, match="between 0 and 3 for a mixture of 4 dimensions"):
        mixture.marginal(D)
    with pytest.raises(ValueError, match=r"values must have shape \(2,\), got \(3,\)"):
        mixture.conditional([0, 1], np.zeros(3))
    with pytest.raises(ValueError, match="leave a coordinate"):
        mixture.conditional(range(D), np.zeros(D))
