"""A mixture as a distribution of positions with domains."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax import GMM, domains
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.evaluation import Posterior, find_modes

GMM_1D = GMM.from_moments([0.4, 0.6], [[-0.5], [1.0]], [[[0.3]], [[0.8]]])
GMM_2D = GMM.from_moments([0.4, 0.6], [[-0.5, 0.2], [1.0, -0.3]], [np.eye(2) * 0.3, np.eye(2)])


@pytest.mark.parametrize(
    ("domain", "low", "high"),
    [
        (domains.real, -12.0, 12.0),
        (domains.positive, 1e-4, 400.0),
        (domains.interval(-1.0, 3.0), -1.0, 3.0),
        (domains.upper(2.0), -400.0, 2.0),
        (domains.periodic(0.0, 2.0), 0.0, 2.0),
    ],
)
def test_densities_of_positions_integrate_to_one(domain, low, high):
    posterior = Posterior(GMM_1D, position_layout({"a": 0.0}, {"a": domain}))
    share = (jnp.arange(200_000) + 0.5) / 200_000
    # More points near the ends of an unbounded domain, where the density is steep.
    power = 3 if high - low > 100.0 else 1
    grid = low + (high - low) * share**power if high > 0.0 else low + (high - low) * share
    if low < -100.0:
        grid = high - (high - low) * share**power
    values = np.exp(np.asarray(posterior.log_prob({"a": grid}), float))
    order = np.argsort(np.asarray(grid))
    total = np.trapezoid(values[order], np.asarray(grid, float)[order])
    assert abs(total - 1.0) < 2e-3


@pytest.mark.slow
def test_the_density_on_a_simplex_integrates_to_one():
    posterior = Posterior(GMM_2D, position_layout(jnp.zeros(3), domains.simplex))
    count = 800
    cell = (jnp.arange(count) + 0.5) / count
    first, second = jnp.meshgrid(cell, cell)
    inside = np.asarray(first + second < 1.0)
    points = jnp.stack([first, second, 1.0 - first - second], axis=-1)[inside]
    assert abs(float(jnp.exp(posterior.log_prob(points)).sum()) / count**2 - 1.0) < 5e-3


def test_outside_of_the_domain_the_density_is_zero():
    layout = position_layout({"a": 1.0, "b": 0.0}, {"a": domains.interval(0.0, 1.0)})
    posterior = Posterior(GMM_2D, layout)
    position = {"a": jnp.array([0.5, -0.1, 1.2]), "b": jnp.zeros(3)}
    assert np.isfinite(np.asarray(posterior.log_prob(position))).tolist() == [True, False, False]


@pytest.mark.slow
def test_the_density_of_an_angle_sums_over_its_windings():
    layout = position_layout({"phi": 0.0}, {"phi": domains.periodic()})
    angles = jnp.array([-2.0, 0.3, 3.0])
    windings = 2.0 * math.pi * np.arange(-5, 6)
    free = np.asarray(angles)[:, None, None] + windings[:, None]
    right = np.log(np.sum(np.exp(np.asarray(GMM_1D.log_prob(free), float)), axis=1))
    assert np.allclose(Posterior(GMM_1D, layout).log_prob({"phi": angles}), right, atol=1e-4)


def test_too_many_angles_are_an_error_that_names_the_other_density():
    gmm = GMM.from_moments([1.0], np.zeros((1, 5)), np.eye(5)[None])
    posterior = Posterior(gmm, position_layout(jnp.zeros(5), domains.periodic()))
    with pytest.raises(ValueError, match=r"5 periodic numbers.*gmm\.log_prob"):
        posterior.log_prob(jnp.zeros(5))


@pytest.mark.slow
def test_draws_and_modes_are_positions():
    posterior = Posterior(GMM_2D, position_layout({"s": jnp.ones(2)}, domains.positive))
    draws = posterior.sample(0, 50)
    assert draws["s"].shape == (50, 2)
    assert float(draws["s"].min()) > 0.0
    locations = posterior.modes().locations["s"]
    assert np.allclose(np.log(locations), find_modes(GMM_2D).locations, atol=1e-5)
    assert np.allclose(jax.jit(posterior.log_prob)(draws), posterior.log_prob(draws), atol=1e-5)


def test_without_a_layout_positions_are_vectors():
    posterior = Posterior(GMM_2D)
    points = posterior.sample(0, 5)
    assert np.allclose(posterior.log_prob(points), GMM_2D.log_prob(points))
