"""The many wells against a loop, quadrature by scipy and the published constant."""

import math

import jax
import numpy as np
import pytest
from scipy import integrate, stats

from gmmvi_jax.targets import SolvedTarget, many_well

evaluate = jax.jit(lambda target, points: jax.vmap(jax.value_and_grad(target))(points))
sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)


def double_well(u: float) -> float:
    """Return the unnormalised density of a well's first coordinate."""
    return math.exp(0.5 * u + 6 * u**2 - u**4)


@pytest.mark.usefixtures("float64")
def test_density_is_the_loop_over_wells() -> None:
    points = np.random.default_rng(0).normal(scale=2.0, size=(5, 32))
    values, _ = evaluate(many_well(), points)
    for value, x in zip(values, points, strict=True):
        expected = sum(
            -(x[i] ** 4) + 6 * x[i] ** 2 + x[i] / 2 - x[i + 1] ** 2 / 2 for i in range(0, 32, 2)
        )
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_log_z_is_quadratures_and_the_published_one() -> None:
    integral, _ = integrate.quad(double_well, -6, 6, points=[-1.7, 1.7], epsabs=0, epsrel=1e-13)
    expected = math.log(integral) + 0.5 * math.log(2 * math.pi)
    np.testing.assert_allclose(many_well(2).log_z, expected, rtol=1e-13)
    np.testing.assert_allclose(many_well().log_z, 16 * expected, rtol=1e-13)
    # Midgley et al. (ICLR 2023).
    np.testing.assert_allclose(integral, 11784.50927, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_samples_have_the_density() -> None:
    target = many_well(4)
    num_samples = 20_000
    samples = np.asarray(sample(target, jax.random.key(0), num_samples))
    integral, _ = integrate.quad(double_well, -6, 6, points=[-1.7, 1.7])
    grid = np.linspace(-4, 4, 4001)
    density = np.array([double_well(u) for u in grid]) / integral
    cumulative = integrate.cumulative_simpson(density, x=grid, initial=0)
    for i in (0, 2):
        test = stats.kstest(samples[:, i], lambda u: np.interp(u, grid, cumulative))
        assert test.pvalue > 1e-3
        assert stats.kstest(samples[:, i + 1], stats.norm.cdf).pvalue > 1e-3
    correlations = np.corrcoef(samples.T) - np.eye(4)
    assert np.max(np.abs(correlations)) < 4.5 / math.sqrt(num_samples)

    # E_p[q / p] = 1 for Gaussians in both wells (their widths there are 0.20), one normal apart.
    u, v = samples[:, ::2], samples[:, 1::2]
    log_q = np.log(
        0.15 * stats.norm.pdf(u, -1.71, 0.18) + 0.85 * stats.norm.pdf(u, 1.75, 0.18)
    ) + stats.norm.logpdf(v, 0, 0.9)
    ratios = np.exp(np.sum(log_q, axis=1) - np.asarray(evaluate(target, samples)[0]) + target.log_z)
    standard_error = np.std(ratios) / math.sqrt(num_samples)
    assert standard_error < 0.01
    assert abs(np.mean(ratios) - 1) < 4 * standard_error


@pytest.mark.usefixtures("float64")
def test_modes_are_all_local_maxima() -> None:
    target = many_well(6)
    assert target.modes.shape == (8, 6)
    assert len(np.unique(np.sign(target.modes[:, ::2]), axis=0)) == 8
    _, gradients = evaluate(target, target.modes)
    np.testing.assert_allclose(gradients, 0, atol=1e-12)
    assert np.all(12 - 12 * target.modes[:, ::2] ** 2 < 0)  # the second derivative


def test_beyond_32_dimensions_modes_are_not_listed() -> None:
    assert isinstance(many_well(), SolvedTarget)
    target = many_well(64)
    assert not isinstance(target, SolvedTarget)
    with pytest.raises(AttributeError, match=r"2\^32 modes, too many to list"):
        _ = target.modes
    for dim in (0, 5):
        with pytest.raises(ValueError, match=f"dim must be even.*got {dim}"):
            many_well(dim)
