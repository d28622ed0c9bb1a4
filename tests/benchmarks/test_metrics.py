"""Draws, metrics and clock against closed forms."""

from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats

from benchmarks.clock import Clock, length_of_union
from benchmarks.metrics import Metrics, evidence_figures, modes_found
from benchmarks.mixture_draws import mixture_draws
from benchmarks.problem import MOST_KEPT, Problem, Snapshot


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


class Normal:
    """N(0, I) times e, with exact samples."""

    modes = np.zeros((1, 2))

    def __call__(self, x):
        return 1.0 - 0.5 * x @ x - np.log(2 * np.pi)

    def sample(self, key, num_samples):
        return jax.random.normal(key, (num_samples, 2))


def test_metrics_of_a_known_approximation():
    width = 1.3
    draw = mixture_draws([0.0], [[0.0, 0.0]], [[width, width]])
    figures: Any = Metrics(Normal(), 0).final(Snapshot(1, 1, 1.0, 0.0, draw))
    # KL(N(0, w^2) || N(0, 1)) in two dimensions, and E[(p / q)^2] in closed form.
    divergence = width**2 - 1.0 - 2.0 * np.log(width)
    assert figures["elbo"] == pytest.approx(1.0 - divergence, abs=5.0 * figures["elbo_stderr"])
    assert figures["elbo_stderr"] == pytest.approx((width**2 - 1.0) / np.sqrt(20_000), rel=0.05)
    assert figures["log_z"] == pytest.approx(1.0, abs=0.02)
    share = (2.0 * width**2 - 1.0) / width**4
    assert figures["effective_share"] == pytest.approx(share, rel=0.02)
    assert figures["k_hat"] < 0.3
    assert figures["median_error"] < 0.05
    assert figures["scale_error"] == pytest.approx(width - 1.0, abs=0.05)
    assert figures["modes"] == figures["num_modes"] == 1
    # The mean kernel of normals of two variances in closed form; each half-bandwidth is the median
    # of d^2 = 4 Exp(1).
    bandwidth = 2.0 * 4.0 * np.log(2.0)

    def kernel(first: float, second: float) -> float:
        return bandwidth / (bandwidth + 2.0 * (first + second))

    squared = kernel(width**2, width**2) + kernel(1.0, 1.0) - 2.0 * kernel(width**2, 1.0)
    assert figures["mmd"] ** 2 == pytest.approx(squared, abs=1.5e-3)
    assert figures["mmd"] ** 2 > 0.5 * squared


def test_draws_without_a_density_have_no_elbo():
    figures = evidence_figures(np.array([-1.0, -3.0]), None)
    assert figures["elbo"] is None
    assert figures["mean_log_density"] == -2.0
    unusable = evidence_figures(np.array([-1.0, -np.inf]), np.zeros(2))
    assert unusable["elbo"] is None
    assert unusable["unusable_draws"] == 1
