"""The forty Gaussians against scipy."""

import jax
import numpy as np
import pytest
from scipy import special, stats

from gmmvi_jax.targets import SolvedTarget, gmm40

evaluate = jax.jit(lambda target, points: jax.vmap(target)(points))
sample = jax.jit(lambda target, key, n: target.sample(key, n), static_argnums=2)


def log_density(points: np.ndarray, means: np.ndarray, scale: float) -> np.ndarray:
    """Return the log density [N] of the equally weighted round components."""
    own = [stats.norm.logpdf(points, mean, scale).sum(axis=1) for mean in means]
    return special.logsumexp(own, axis=0) - np.log(len(means))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("dim", "scale"), [(2, 1.3132616875182228), (50, 1.0)])
def test_density_and_means(dim: int, scale: float) -> None:
    # The scale in 2-D is softplus(1).
    target = gmm40(dim, seed=1)
    assert isinstance(target, SolvedTarget)
    assert target.modes.shape == (40, dim)
    assert np.max(np.abs(target.modes)) <= 40
    bound = 4 * 1600 * np.sqrt((1 / 5 - 1 / 9) / target.modes.size)  # of a mean of squares
    assert abs(np.mean(target.modes**2) - 1600 / 3) < bound
    noise = np.random.default_rng(0).normal(size=(2, 40, dim))
    points = np.concatenate([target.modes + scale * noise[0], 30 * noise[1]])
    values = evaluate(target, points)
    np.testing.assert_allclose(
        values, log_density(points, np.asarray(target.modes), scale), rtol=1e-9
    )


@pytest.mark.usefixtures("float64")
def test_samples_have_the_density() -> None:
    target = gmm40(seed=1)
    num_samples = 4000
    samples = np.asarray(sample(target, jax.random.key(0), num_samples))
    # E_p[q / p] = 1 for normalised narrower components.
    log_q = log_density(samples, np.asarray(target.modes), 1.2)
    ratios = np.exp(log_q - np.asarray(evaluate(target, samples)) + target.log_z)
    standard_error = np.std(ratios) / np.sqrt(num_samples)
    assert standard_error < 0.02
    assert abs(np.mean(ratios) - 1) < 4 * standard_error


def test_instances_are_the_same_everywhere() -> None:
    # Results are quoted per seed: fails if numpy ever changes what it draws from one.
    first_mean = [0.8 * 13.69616873214543, -0.8 * 23.02132862361297]  # as gmm20, of seed 0
    np.testing.assert_allclose(gmm40().means[0], first_mean, rtol=1e-6)
    assert (gmm40().name, gmm40(50).name) == ("gmm40", "gmm40_50d")


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="dim must be an integer of at least 1, got 0"):
        gmm40(0)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        gmm40(seed=-1)
