"""Draws, metrics and clock against closed forms."""

import numpy as np
import pytest
import scipy.stats

from benchmarks.clock import Clock, length_of_union
from benchmarks.metrics import modes_found
from benchmarks.mixture_draws import mixture_draws
from benchmarks.problem import MOST_KEPT, Problem


@pytest.mark.parametrize("diagonal", [False, True])
def test_mixture_draws(diagonal):
    generator = np.random.default_rng(3)
    weights, means = np.array([0.2, 0.8]), generator.normal(size=(2, 3))
    factors = np.tril(generator.normal(size=(2, 3, 3))) + 2.0 * np.eye(3)
    covariances = factors @ factors.transpose(0, 2, 1)
    if diagonal:
        factors = np.abs(np.diagonal(factors, axis1=1, axis2=2))
        covariances = np.stack([np.diag(factor**2) for factor in factors])
    # Logits need not be normalised.
    points, log_q = mixture_draws(np.log(weights) + 5.0, means, factors)(0, 20_000)
    assert log_q is not None
    densities = [
        weight * scipy.stats.multivariate_normal(mean, covariance).pdf(points)
        for weight, mean, covariance in zip(weights, means, covariances, strict=True)
    ]
    np.testing.assert_allclose(log_q, np.log(np.sum(densities, axis=0)), rtol=1e-10, atol=1e-10)
    mean = weights @ means
    centred = means - mean
    covariance = np.einsum(
        "k,kij->ij", weights, covariances + centred[:, :, None] * centred[:, None]
    )
    errors = np.sqrt(np.diag(covariance) / len(points))
    assert np.all(np.abs(points.mean(0) - mean) < 5.0 * errors)
    assert np.allclose(np.cov(points.T), covariance, atol=0.06 * np.diag(covariance).max())


def test_modes_found():
    modes = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    points = np.concatenate([np.zeros((900, 2)), np.full((99, 2), 500.0), [[50.0, 1.0]]])
    assert (
        modes_found(points, modes) == 1
    )  # one draw of a thousand is not more than the share asked
    points[:2] = [50.0, 1.0]
    assert modes_found(points, modes) == 2


def test_length_of_union():
    assert length_of_union([(0.0, 3.0), (1.0, 2.0), (2.5, 4.0), (6.0, 7.0)]) == pytest.approx(5.0)
    assert length_of_union([]) == 0.0


def test_snapshots_are_thinned_and_end_with_the_last():
    problem = Problem(None, 0, {}, 10_000, 1e9, Clock())
    draw = mixture_draws([0.0], [[0.0]], [[1.0]])
    overs = [problem.take(i, i, draw) for i in range(1, 10_001)]
    assert overs.index(True) == 9_999
    iterations = np.array([snapshot.iteration for snapshot in problem.snapshots])
    assert MOST_KEPT / 2 <= len(iterations) <= MOST_KEPT + 1
    assert iterations[0] == 1
    assert iterations[-1] == 10_000
    assert len(set(np.diff(iterations)[:-1])) == 1
