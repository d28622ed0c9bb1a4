"""The banana against scipy's Gaussian, bent by hand."""

import jax
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax.targets import SolvedTarget, banana

evaluate = jax.jit(lambda target, points: jax.vmap(jax.value_and_grad(target))(points))
sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)


def scipy_log_density(points: np.ndarray, curvature: float, shrink: float = 1.0) -> np.ndarray:
    """Return the log density [N], with the standard deviations before bending scaled."""
    straight = points.copy()
    straight[:, 1] += curvature * (points[:, 0] ** 2 - 100)
    scales = shrink * np.array([10.0] + (points.shape[1] - 1) * [1.0])
    return np.sum(stats.norm.logpdf(straight, 0, scales), axis=1)


@pytest.mark.usefixtures("float64")
def test_density_samples_and_mode() -> None:
    target = banana(dim=4, curvature=0.03)
    samples = np.asarray(sample(target, jax.random.key(0), 4000))
    points = np.concatenate([samples, 10 * np.random.default_rng(0).normal(size=(49, 4))])
    points = np.concatenate([points, target.modes])
    values, gradients = map(np.asarray, evaluate(target, points))
    np.testing.assert_allclose(values, scipy_log_density(points, 0.03), rtol=1e-12)
    np.testing.assert_allclose(gradients[-1], 0, atol=1e-12)
    assert values[-1] == np.max(values)

    # E_p[q / p] = 1 for a normalised q with lighter tails. Its ratio is at most 0.8^-4 = 2.4.
    ratios = np.exp(scipy_log_density(samples, 0.03, shrink=0.8) - values[:4000] + target.log_z)
    standard_error = np.std(ratios) / np.sqrt(4000)
    assert standard_error < 0.02
    assert abs(np.mean(ratios) - 1) < 4 * standard_error
    # Unlike the density of q they tell the shape: x_2 has the variance 1 + 2 (100 b)^2 = 19.
    assert stats.kstest(samples[:, 0], stats.norm(0, 10).cdf).pvalue > 1e-3
    straight = samples[:, 1] + 0.03 * (samples[:, 0] ** 2 - 100)
    assert stats.kstest(straight, stats.norm.cdf).pvalue > 1e-3


def test_default_is_the_strongly_bent_one() -> None:
    target = banana()
    assert isinstance(target, SolvedTarget)
    assert (target.dim, target.curvature) == (2, 0.1)
    np.testing.assert_allclose(target.modes, [[0, 10]])
    with pytest.raises(ValueError, match=r"dim must be at least 2.*got 1"):
        banana(1)
