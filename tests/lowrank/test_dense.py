"""Tests of the public low-rank mixture against dense formulas."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmmvi_jax import GMM, LowRankGMM

K, D, R = 3, 7, 2
WEIGHTS = np.array([1.0, 2.0, 1.0])

pytestmark = pytest.mark.usefixtures("float64")


def moments(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns means, variances and loadings."""
    generator = np.random.default_rng(seed)
    means, loadings = generator.normal(size=(K, D)), generator.normal(size=(K, D, R))
    return means, generator.uniform(0.3, 2.0, size=(K, D)), loadings


def make() -> tuple[LowRankGMM, np.ndarray, np.ndarray]:
    """Returns a mixture, its means and its covariances."""
    means, variances, loadings = moments()
    covariances = loadings @ loadings.transpose(0, 2, 1)
    covariances += variances[:, :, None] * np.eye(D)
    return LowRankGMM.from_moments(WEIGHTS, means, variances, loadings), means, covariances


def test_densities_are_those_of_scipy() -> None:
    mixture, means, covariances = make()
    points = np.random.default_rng(1).normal(size=(20, D))
    terms = [
        multivariate_normal(mean, covariance).logpdf(points)
        for mean, covariance in zip(means, covariances, strict=True)
    ]
    expected: Any = logsumexp(np.array(terms).T + np.log(WEIGHTS / 4.0), axis=1)
    np.testing.assert_allclose(mixture.log_prob(points), expected, rtol=1e-9)
    np.testing.assert_allclose(mixture.component_log_probs(points), np.array(terms).T, rtol=1e-9)
    normals: list[Any] = [multivariate_normal(np.zeros(D), one) for one in covariances]
    entropies = [float(normal.entropy()) for normal in normals]
    np.testing.assert_allclose(mixture.component_entropies(), entropies, rtol=1e-9)


def test_moments_are_exact() -> None:
    mixture, means, covariances = make()
    assert mixture.rank == R
    np.testing.assert_allclose(mixture.covariances, covariances, atol=1e-9)
    np.testing.assert_allclose(
        mixture.variances, np.diagonal(covariances, axis1=1, axis2=2), rtol=1e-9
    )
    dense = GMM.from_moments(WEIGHTS, means, covariances)
    np.testing.assert_allclose(mixture.mean(), dense.mean(), atol=1e-9)
    np.testing.assert_allclose(mixture.covariance(), dense.covariance(), atol=1e-9)
    np.testing.assert_allclose(mixture.variance(), np.diag(dense.covariance()), atol=1e-9)
    matrix = np.random.default_rng(2).normal(size=(2, D))
    np.testing.assert_allclose(
        mixture.expect_linear(matrix, 1.0), dense.expect_linear(matrix, 1.0), atol=1e-9
    )


@pytest.mark.parametrize("dims", [3, [0, 6], [5, 1, 2, 0]])
def test_marginals_are_exact(dims: int | list[int]) -> None:
    mixture, means, covariances = make()
    dense = GMM.from_moments(WEIGHTS, means, covariances).marginal(dims)
    found = mixture.marginal(dims)
    np.testing.assert_allclose(found.means, dense.means, atol=1e-9)
    np.testing.assert_allclose(found.covariances, dense.covariances, atol=1e-9)


@pytest.mark.parametrize("dims", [2, [0, 5], [6, 1, 3], [0, 1, 2, 3, 4, 5]])
def test_conditionals_are_exact(dims: int | list[int]) -> None:
    mixture, means, covariances = make()
    dense = GMM.from_moments(WEIGHTS, means, covariances)
    values = np.linspace(-1.0, 2.0, np.size(dims))
    found, right = mixture.conditional(dims, values), dense.conditional(dims, values)
    assert isinstance(found, LowRankGMM)
    assert found.rank == min(R, D - np.size(dims))
    np.testing.assert_allclose(found.weights, right.weights, rtol=1e-9)
    np.testing.assert_allclose(found.means, right.means, rtol=1e-9)
    np.testing.assert_allclose(found.covariances, right.covariances, rtol=1e-8, atol=1e-12)
    points = np.random.default_rng(3).normal(size=(5, found.dim))
    np.testing.assert_allclose(found.log_prob(points), right.log_prob(points), rtol=1e-9)


def test_conditionals_where_a_direction_is_narrower_and_in_a_batch() -> None:
    dense = GMM.from_moments([1.0], np.zeros((1, 4)), [np.eye(4) - 0.24 * np.ones((4, 4))])
    narrow = LowRankGMM.of(dense, 1)
    assert np.all(np.asarray(narrow.factors.excess) < 0.0)
    values = jnp.linspace(-2.0, 2.0, 3)
    found = jax.vmap(lambda value: narrow.conditional(1, value).mean())(values)
    right = jax.vmap(lambda value: dense.conditional(1, value).mean())(values)
    np.testing.assert_allclose(found, right, atol=1e-6)
    for wrong, match in (
        ((7, 0.0), "dims"),
        (([0, 1, 2, 3], np.zeros(4)), "must leave a coordinate"),
    ):
        with pytest.raises(ValueError, match=match):
            narrow.conditional(*wrong)


def test_samples_have_the_moments() -> None:
    mixture, _, _ = make()
    draws, components = mixture.sample_with_components(0, 200_000)
    for index in range(K):
        own = np.asarray(draws[components == index])
        deviations = np.sqrt(np.diag(np.asarray(mixture.covariances[index])))
        error = np.mean(own, axis=0) - np.asarray(mixture.means[index])
        assert np.max(np.abs(error / deviations)) < 0.03
        scaled = np.cov(own.T) - np.asarray(mixture.covariances[index])
        assert np.max(np.abs(scaled / np.outer(deviations, deviations))) < 0.04


def test_gradients_in_points_and_parameters() -> None:
    mixture, _, _ = make()
    point = jnp.arange(1.0, D + 1.0)
    slope = jax.grad(mixture.log_prob)(point)
    step = 1e-5 * jnp.eye(D)
    expected = (mixture.log_prob(point + step) - mixture.log_prob(point - step)) / 2e-5
    np.testing.assert_allclose(slope, expected, rtol=1e-6)
    gradient = jax.grad(lambda own: own.log_prob(point))(mixture)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))


def test_a_mixture_on_disk_is_the_same(tmp_path) -> None:
    mixture, _, _ = make()
    mixture.save(tmp_path / "mixture.npz")
    again = LowRankGMM.load(tmp_path / "mixture.npz")
    for one, other in zip(jax.tree.leaves(mixture), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"LowRankGMM\.load"):
        GMM.load(tmp_path / "mixture.npz")


def test_other_mixtures_of_some_rank() -> None:
    mixture, means, covariances = make()
    dense = GMM.from_moments(WEIGHTS, means, covariances)
    same = LowRankGMM.of(dense, D - 1)
    np.testing.assert_allclose(same.covariances, covariances, rtol=0.1, atol=0.1)
    wider = LowRankGMM.of(mixture, 4)
    assert wider.rank == 4
    np.testing.assert_allclose(wider.covariances, covariances, atol=1e-9)
    diagonal = GMM.from_moments(WEIGHTS, means, np.ones((K, D)))
    np.testing.assert_allclose(LowRankGMM.of(diagonal, R).covariances, diagonal.covariances)
    with pytest.raises(ValueError, match="rank"):
        LowRankGMM.of(dense, D)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("variances", -np.ones((K, D)), "positive"),
        ("loadings", np.ones((K, D, D)), "columns"),
        ("loadings", np.ones((K, D)), "shape"),
        ("weights", np.zeros(K), "weights"),
        ("means", np.full((K, D), np.nan), "finite"),
    ],
)
def test_wrong_arguments_are_named(name: str, value: np.ndarray, match: str) -> None:
    means, variances, loadings = moments()
    arguments = {"weights": WEIGHTS, "means": means, "variances": variances, "loadings": loadings}
    with pytest.raises(ValueError, match=match):
        LowRankGMM.from_moments(**(arguments | {name: value}))
