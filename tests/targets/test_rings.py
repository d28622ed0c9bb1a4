"""The rings against a loop and quadrature, and their samples."""

import math

import jax
import numpy as np
import pytest
from scipy import integrate, stats

from gmmvi_jax.targets import rings

evaluate = jax.jit(lambda target, points: jax.vmap(jax.value_and_grad(target))(points))
sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)


def unnormalised(radius: np.ndarray | float, ring: float, width: float) -> np.ndarray:
    """Return one ring's density, without its constant."""
    return stats.norm.pdf(radius, ring, width)


def constant(ring: float, width: float) -> float:
    """Return a ring's integral over the plane."""
    value, _ = integrate.quad(
        lambda radius: 2 * math.pi * radius * unnormalised(radius, ring, width),
        0,
        ring + 40 * width,
        points=[ring],
        epsabs=0,
        epsrel=1e-12,
    )
    return value


def textbook_density(points: np.ndarray, radii: tuple[float, ...], width: float) -> np.ndarray:
    """Return the normalised density [N]."""
    distances = np.linalg.norm(points, axis=1)
    densities = [unnormalised(distances, ring, width) / constant(ring, width) for ring in radii]
    return np.mean(densities, axis=0)


@pytest.mark.usefixtures("float64")
def test_density_and_samples() -> None:
    target = rings()
    num_samples = 20_000
    samples = np.asarray(sample(target, jax.random.key(0), num_samples))
    nearby = np.random.default_rng(0).normal(scale=2.0, size=(100, 2))
    points = np.concatenate([samples, nearby])
    values, _ = map(np.asarray, evaluate(target, points))
    radii = (1.0, 2.0, 3.0, 4.0)
    # The target's constant leaves out what reaches across the centre, here 1e-11 of a ring.
    np.testing.assert_allclose(values, np.log(textbook_density(points, radii, 0.15)), atol=1e-9)

    # E_p[q / p] = 1 for normalised narrower rings.
    ratios = textbook_density(samples, radii, 0.12) / np.exp(values[:num_samples])
    standard_error = np.std(ratios) / math.sqrt(num_samples)
    assert standard_error < 0.01
    assert abs(np.mean(ratios) - 1) < 4 * standard_error
    distances = np.linalg.norm(samples, axis=1)
    grid = np.linspace(0, 6, 4001)
    radial = 2 * math.pi * grid * textbook_density(np.stack([grid, 0 * grid], 1), radii, 0.15)
    cumulative = integrate.cumulative_simpson(radial, x=grid, initial=0)
    assert stats.kstest(distances, lambda r: np.interp(r, grid, cumulative)).pvalue > 1e-3
    angles = np.arctan2(samples[:, 1], samples[:, 0])
    assert stats.kstest(angles, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3


def test_centre_and_far_away_are_finite() -> None:
    points = np.array([[0, 0], [1e-30, 0], [1e4, -1e4]], np.float32)
    values, gradients = map(np.asarray, evaluate(rings(), points))
    assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(gradients))
    np.testing.assert_array_equal(gradients[0], 0)


def test_rings_are_the_callers() -> None:
    target = rings(radii=[2.0, 5.0], width=0.3)
    np.testing.assert_allclose(target.prior_scale, 5 / math.sqrt(2))
    points = np.array([[2.0, 0.0], [0.0, 4.5]])
    expected = np.log(textbook_density(points, (2.0, 5.0), 0.3))
    values, _ = evaluate(target, points.astype(np.float32))
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"radii must be at least 6 widths \(0.2\), got \[1\]"):
        rings(radii=[1], width=0.2)
    with pytest.raises(ValueError, match="width must be positive, got 0"):
        rings(width=0)
    with pytest.raises(ValueError, match=r"at least one number, got \(\)"):
        rings(radii=())
