"""The Cox process against scipy's distributions."""

import math
from typing import Any

import jax
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax.targets import lgcp

evaluate = jax.jit(lambda target, points: jax.vmap(target)(points))


@pytest.mark.usefixtures("float64")
def test_density_is_that_of_field_and_counts() -> None:
    grid = 5
    target = lgcp(grid, seed=2)
    cells = [(i / grid, j / grid) for i in range(grid) for j in range(grid)]
    covariance: Any = np.array(
        [[1.91 * math.exp(-33 * math.dist(a, b)) for a in cells] for b in cells]
    )
    factor = np.linalg.cholesky(covariance)
    mean = math.log(126) - 1.91 / 2
    points = np.random.default_rng(0).normal(size=(4, 25))
    values = np.asarray(evaluate(target, points))
    for value, x in zip(values, points, strict=True):
        field = mean + factor @ x
        np.testing.assert_allclose(target.log_intensity(x), field, rtol=1e-12)
        # The field's density becomes that of the whitened field.
        expected = stats.multivariate_normal.logpdf(field, np.full(25, mean), covariance)
        expected += np.linalg.slogdet(factor)[1]
        for count, log_intensity in zip(target.counts, field, strict=True):
            expected += stats.poisson.logpmf(count, math.exp(log_intensity) / 25)
        np.testing.assert_allclose(value, expected, rtol=1e-11)


def test_data_come_from_the_model_and_their_seed_alone() -> None:
    counts = np.array([lgcp(6, seed).counts for seed in range(100)])
    assert np.all(counts == np.round(counts))
    # 126 points are expected. Counts of the cells of one instance vary together, instances do not.
    totals = np.sum(counts, axis=1)
    assert abs(np.mean(totals) - 126) < 4 * np.std(totals) / math.sqrt(100)
    assert np.std(totals) > 2 * math.sqrt(126)  # far more than without a random intensity
    np.testing.assert_array_equal(lgcp(6, 3).counts, counts[3])
    # Results are quoted per seed: fails if numpy ever changes what it draws from one.
    assert np.sum(lgcp().counts) == 120


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"grid must be at least 2 \(cells per side\), got 1"):
        lgcp(1)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        lgcp(seed=-1)
