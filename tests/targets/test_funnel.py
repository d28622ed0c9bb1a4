"""The funnel against scipy, and its samples against its density."""

import jax
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax.targets import funnel

evaluate = jax.jit(lambda target, points: jax.vmap(target)(points))
sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)


def scipy_log_density(points: np.ndarray, shrink: float = 1.0) -> np.ndarray:
    """Return the log density [N], with all conditional standard deviations scaled by a factor."""
    first = points[:, :1]
    rest = stats.norm.logpdf(points[:, 1:], 0, shrink * np.exp(0.5 * first))
    return stats.norm.logpdf(first[:, 0], 0, 3 * shrink) + np.sum(rest, axis=1)


@pytest.mark.usefixtures("float64")
def test_density_and_samples() -> None:
    target = funnel()
    samples = np.asarray(sample(target, jax.random.key(0), 4000))
    anywhere = np.random.default_rng(0).normal(size=(50, 10)) * np.array([6.0] + 9 * [2.0])
    points = np.concatenate([samples, anywhere])
    values = np.asarray(evaluate(target, points))
    np.testing.assert_allclose(values, scipy_log_density(points), rtol=1e-12, atol=1e-12)

    # E_p[q / p] = 1 for a normalised q with lighter tails. Its ratio is at most 0.9^-10 = 2.9.
    ratios = np.exp(scipy_log_density(samples, shrink=0.9) - values[:4000] + target.log_z)
    standard_error = np.std(ratios) / np.sqrt(4000)
    assert standard_error < 0.02
    assert abs(np.mean(ratios) - 1) < 4 * standard_error
    assert stats.kstest(samples[:, 0], stats.norm(0, 3).cdf).pvalue > 1e-3
    scaled = samples[:, 1:] * np.exp(-0.5 * samples[:, :1])
    assert stats.kstest(scaled.ravel(), stats.norm.cdf).pvalue > 1e-3


def test_far_down_the_neck_single_precision_holds() -> None:
    # exp(60) squared would not fit into float32.
    point = np.array([-120.0] + 9 * [1e-26])
    value = np.asarray(evaluate(funnel(), point[None].astype(np.float32)))
    np.testing.assert_allclose(value, scipy_log_density(point[None]), rtol=1e-5)


def test_dimension_is_the_callers() -> None:
    samples = jax.eval_shape(lambda key: funnel(3).sample(key, 4), jax.random.key(0))
    assert samples.shape == (4, 3)
    with pytest.raises(ValueError, match=r"dim must be at least 2.*got 1"):
        funnel(1)
