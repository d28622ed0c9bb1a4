"""Tests of marginals and conditionals against textbook formulas, in float64."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from gmmvi_jax.gmm import GMM

from ..double_precision import enable_x64
from .cases import EXACT, D, K, Moments, evaluate, make, moments, points


@functools.partial(jax.jit, static_argnames="dims")
def marginal_of(gmm: GMM, dims: int | tuple[int, ...]) -> GMM:
    return gmm.marginal(dims)


@functools.partial(jax.jit, static_argnames="dims")
def conditional_of(gmm: GMM, dims: int | tuple[int, ...], values: Any) -> GMM:
    return gmm.conditional(dims, values)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dims", [2, (1, 3, 0)])
def test_marginal_matches_the_submatrices(kind: str, dims: int | tuple[int, ...]):
    oracle, index = moments(kind), np.atleast_1d(dims)
    means, covariances = oracle.means[:, index], oracle.covariances[:, index][:, :, index]
    x = points(5)[:, index]
    marginal = marginal_of(make(kind), dims)
    assert marginal.is_diagonal == (kind == "diagonal")
    np.testing.assert_allclose(marginal.covariances, covariances, rtol=EXACT, atol=1e-14)
    np.testing.assert_allclose(
        evaluate(marginal, x), Moments(oracle.weights, means, covariances).log_prob(x), rtol=EXACT
    )
    if kind == "full":
        np.testing.assert_allclose(marginal.factors, np.linalg.cholesky(covariances), atol=1e-12)


def test_marginal_of_a_stretched_gaussian_does_not_square_its_condition_number():
    # Along random axes, standard deviations from 1 to 1e5: float32 has no Cholesky factor of the
    # reordered covariance.
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    factor = _cholesky_of_product(rotation * [1e5, 1e3, 1e1, 1.0]).astype(np.float32)
    gmm = GMM(jnp.zeros(1), jnp.zeros((1, D)), jnp.asarray(factor)[None])
    found = np.asarray(marginal_of(gmm, (3, 2, 1, 0)).factors[0])
    expected = _cholesky_of_product(factor[::-1].astype(float))
    np.testing.assert_allclose(np.diag(found), np.diag(expected), rtol=1e-3)


def _cholesky_of_product(rows: np.ndarray) -> np.ndarray:
    """Returns the lower triangular L with L L^T = rows rows^T."""
    upper = np.linalg.qr(rows.T, mode="r")
    return (np.sign(np.diag(upper))[:, None] * upper).T


@pytest.mark.usefixtures("float64")
def test_conditional_is_joint_over_marginal(kind: str):
    dims = (2, 1, 3)
    gmm, oracle, x = make(kind), moments(kind), points(4)
    given, rest = np.array(dims), np.setdiff1d(np.arange(D), dims)
    marginal = Moments(
        oracle.weights, oracle.means[:, given], oracle.covariances[:, given][:, :, given]
    )
    expected = oracle.log_prob(x) - marginal.log_prob(x[:, given])
    with jax.numpy_rank_promotion("raise"):
        found = jax.jit(jax.vmap(lambda x: gmm.conditional(dims, x[given]).log_prob(x[rest])))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_conditional_matches_the_schur_complement(kind: str):
    oracle, values = moments(kind), np.array([0.3, -1.0])
    given, rest = (3, 1), (0, 2)
    conditional = conditional_of(make(kind), given, values)
    log_weights = np.log(oracle.weights)
    for component in range(K):
        mean, covariance = oracle.means[component], oracle.covariances[component]
        own = covariance[np.ix_(given, given)]
        gain = covariance[np.ix_(rest, given)] @ np.linalg.inv(own)
        np.testing.assert_allclose(
            conditional.means[component],
            mean[[*rest]] + gain @ (values - mean[[*given]]),
            rtol=1e-9,
        )
        np.testing.assert_allclose(
            conditional.covariances[component],
            covariance[np.ix_(rest, rest)] - gain @ covariance[np.ix_(given, rest)],
            rtol=1e-9,
            atol=1e-13,
        )
        log_weights[component] += scipy.stats.multivariate_normal(mean[[*given]], own).logpdf(
            values
        )
    np.testing.assert_allclose(conditional.weights, scipy.special.softmax(log_weights), rtol=1e-9)


def test_conditional_is_stable_far_away(kind: str):
    gmm = make(kind)
    # Every density underflows here, in float32 and in float64.
    near = conditional_of(gmm, 1, 100.0)
    with enable_x64(True):
        expected = conditional_of(make(kind), 1, 100.0)
    np.testing.assert_allclose(near.weights, expected.weights, atol=1e-3)
    np.testing.assert_allclose(near.means, expected.means, rtol=1e-5, atol=1e-4)
    for value in [1e10, -1e20, 1e30]:
        conditional = conditional_of(gmm, 1, value)
        assert np.all(np.isfinite(conditional.means))
        np.testing.assert_allclose(np.sum(conditional.weights), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([], "at least one"),
        (D, "between 0 and 3 for a mixture of 4 dimensions, got .4."),
        ([0, -1], r"got \[0, -1\]; negative indices"),
        ([2, 1, 2], r"must not repeat a coordinate, got \[2, 1, 2\]"),
        (np.array([True, False, True, False]), "not a mask.*flatnonzero"),
    ],
)
def test_dims_are_checked(dims: list[int], message: str):
    gmm = make("full")
    with pytest.raises(ValueError, match=message):
        gmm.marginal(dims)
    with pytest.raises(ValueError, match=message):
        gmm.conditional(dims, 0.0)


def test_conditional_checks_values_and_what_remains():
    gmm = make("full")
    with pytest.raises(ValueError, match=r"values must have shape \(2,\), got \(3,\)"):
        gmm.conditional([0, 1], np.zeros(3))
    with pytest.raises(ValueError, match="leave a coordinate"):
        gmm.conditional(range(D), np.zeros(D))
