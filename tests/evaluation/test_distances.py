"""MMD, Sinkhorn, sliced Wasserstein against dense loops; the two-sample test; coverage."""

import jax
import numpy as np
import pytest
import scipy.special

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import (
    classifier_two_sample_test,
    detected_modes,
    diagonal_bandwidths,
    entropic_mode_coverage,
    median_bandwidth,
    mmd_squared,
    sinkhorn_divergence,
    sliced_wasserstein,
)

RNG = np.random.default_rng(0)
FIRST = RNG.normal(size=(300, 2)) + 50.0  # more than a block of rows; far from 0
SECOND = RNG.normal(size=(40, 2)) * [1.0, 2.0] + [50.5, 50.0]


def dense_mean_kernel(x, y, bandwidths):
    total = 0.0
    for a in x:
        for b in y:
            total += np.exp(-np.sum((a - b) ** 2 / bandwidths))
    return total / (len(x) * len(y))


@pytest.mark.parametrize("bandwidths", [2.5, np.array([2.0, 7.0])], ids=["median", "diagonal"])
def test_mmd_is_the_dense_double_loop(bandwidths):
    expected = (
        dense_mean_kernel(FIRST, FIRST, bandwidths)
        + dense_mean_kernel(SECOND, SECOND, bandwidths)
        - 2.0 * dense_mean_kernel(FIRST, SECOND, bandwidths)
    )
    assert float(mmd_squared(FIRST, SECOND, bandwidths)) == pytest.approx(expected, abs=2e-6)


def test_bandwidths_are_medians_over_pairs():
    pairs = [(a, b) for i, a in enumerate(SECOND) for b in SECOND[:i]]
    squares = np.array([(a - b) ** 2 for a, b in pairs])
    assert median_bandwidth(SECOND) == pytest.approx(2.0 * np.median(squares.sum(axis=1)))
    np.testing.assert_allclose(diagonal_bandwidths(SECOND, 6.0), 6.0 * np.median(squares, axis=0))
    with pytest.raises(ValueError, match=r"median squared distance of 0\.0"):
        median_bandwidth(np.zeros((5, 2)))


def dense_sinkhorn_cost(x, y, regularisation):
    cost = np.sum((x[:, None] - y[None]) ** 2, axis=-1)
    f, g = np.zeros(len(x)), np.zeros(len(y))
    for _ in range(60):
        f = -regularisation * scipy.special.logsumexp(
            (g - cost) / regularisation - np.log(len(y)), axis=1
        )
        g = -regularisation * scipy.special.logsumexp(
            (f[:, None] - cost) / regularisation - np.log(len(x)), axis=0
        )
    return f.mean() + g.mean()  # the dual, relative to the product of the marginals


def test_sinkhorn_divergence_is_the_dense_loop():
    x, y = FIRST[:280], SECOND  # more than a block of rows
    expected = dense_sinkhorn_cost(x, y, 1.0) - 0.5 * (
        dense_sinkhorn_cost(x, x, 1.0) + dense_sinkhorn_cost(y, y, 1.0)
    )
    assert float(sinkhorn_divergence(x, y, 1.0)) == pytest.approx(expected, rel=2e-3)
    with pytest.raises(ValueError, match="regularisation is 0"):
        sinkhorn_divergence(x, y, 0.0)


def test_sliced_wasserstein_is_the_distance_of_projections():
    # In one dimension, every direction is the same; sets of 300 and 40.
    x, y = FIRST[:, :1], SECOND[:, :1]
    # Copies of equal weight: 2 * 300 = 15 * 40 points each.
    copies = np.sort(np.repeat(x, 2)), np.sort(np.repeat(y, 15))
    expected = np.mean((copies[0] - copies[1]) ** 2)
    assert float(sliced_wasserstein(x, y, jax.random.key(0), 3)) == pytest.approx(
        expected, rel=1e-4
    )
    # The mean over directions u of (u^T shift)^2 is |shift|^2 / D.
    value = float(sliced_wasserstein(FIRST, FIRST + np.array([3.0, 4.0]), jax.random.key(0), 1000))
    assert value == pytest.approx(25.0 / 2.0, rel=0.1)


def test_a_classifier_tells_what_can_be_told():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(400, 2)), rng.normal(size=(500, 2))
    key = jax.random.key(0)
    options = {"num_folds": 4, "num_hidden": 16, "num_steps": 200}
    same = classifier_two_sample_test(x, y[:400], key, **options)
    assert abs(same.accuracy - 0.5) < 5.0 * same.standard_error
    # Unequal spreads, equal means: the best rule is a circle. For variances 1 and 9 in 2-D it
    # errs with (P(chi2_2 > c) + P(chi2_2 < c / 9)) / 2 at c = 2 log(9) / (1 - 1/9).
    c = 2.0 * np.log(9.0) / (1.0 - 1.0 / 9.0)
    best = 1.0 - 0.5 * (np.exp(-c / 2.0) + 1.0 - np.exp(-c / 18.0))
    other = classifier_two_sample_test(x, 3.0 * y[:400], key, **options)
    assert best - 0.06 < other.accuracy < best + 4.0 * other.standard_error
    with pytest.raises(ValueError, match="num_folds is 1"):
        classifier_two_sample_test(x, y, key, num_folds=1)


def test_detected_modes_need_a_near_and_heavy_component():
    modes = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 100.0]])
    near = 6.0 * np.sqrt(2.0)
    gmm = GMM.from_moments(
        [0.5, 0.4995, 0.0005],
        [[near - 0.01, 0.0], [30.0, near + 0.01], [0.0, 100.0]],
        np.ones((3, 2)),
    )
    assert detected_modes(gmm, modes) == 1
    with pytest.raises(ValueError, match=r"modes has .*\[N, 2\]"):
        detected_modes(gmm, np.zeros(3))


def test_entropic_mode_coverage():
    modes = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    spread = 0.1 * RNG.normal(size=(3000, 2))
    assert entropic_mode_coverage(modes[np.arange(3000) % 4] + spread, modes) == pytest.approx(1.0)
    assert entropic_mode_coverage(modes[np.zeros(3000, int)] + spread, modes) == 0.0
    half = entropic_mode_coverage(modes[np.arange(3000) % 2] + spread, modes)
    assert half == pytest.approx(0.5)
