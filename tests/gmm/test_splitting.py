"""Splitting components: what stays, and what becomes narrower."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.splitting import split


def two(diagonal):
    factors = jnp.array([[[2.0, 0.0], [1.0, 0.5]], [[1.0, 0.0], [0.0, 1.0]]])
    if diagonal:
        factors = jnp.diagonal(factors, axis1=1, axis2=2)
    return GMM(jnp.log(jnp.array([0.7, 0.3])), jnp.array([[0.0, 0.0], [10.0, 0.0]]), factors)


def test_mass_and_mean_stay_and_the_parts_are_a_sixth_wider(diagonal):
    whole = two(diagonal)
    parts = split(whole, 4000, np.random.default_rng(0))
    assert parts.num_components == 4000
    assert parts.is_diagonal == diagonal
    assert np.sum(parts.weights) == pytest.approx(1.0, abs=1e-5)
    left = parts.means[:, 0] < 5.0
    assert np.sum(parts.weights[left]) == pytest.approx(0.7, abs=0.001)
    np.testing.assert_allclose(parts.mean(), whole.mean(), atol=0.1)
    surplus = parts.covariance() - whole.covariance()
    inside = 0.7 * whole.covariances[0] + 0.3 * whole.covariances[1]
    np.testing.assert_allclose(surplus, inside / 6.0, atol=0.2)
    stays = parts.means[:, 0] == whole.means[0, 0]
    assert np.mean(stays[left]) == pytest.approx(0.5, abs=0.03)
    for rows, width in ((left & stays, 1.0), (left & ~stays, 0.85)):
        widths = np.sqrt(parts.variances[rows] / whole.variances[0])
        np.testing.assert_allclose(widths[:, 0], widths[:, 1], rtol=1e-4)
        assert stats.kstest(np.log(widths[:, 0] / width) / 0.3, "norm").pvalue > 1e-3
    means = parts.means[left & ~stays, 0]
    assert stats.kstest(means / np.std(means), "norm").pvalue > 1e-3


def test_with_no_more_components_than_there_are_nothing_happens(diagonal):
    whole = two(diagonal)
    assert split(whole, 2, np.random.default_rng(0)) is whole


def test_a_component_that_gets_no_part_stays_as_it_is():
    whole = two(False)
    parts = split(whole, 3, np.random.default_rng(0))
    same = [
        row
        for row in range(2)
        if np.array_equal(parts.means[row], whole.means[row])
        and np.array_equal(parts.factors[row], whole.factors[row])
    ]
    assert len(same) == 1
