"""Modes of mixtures in closed form: what is one, what is several, what is none."""

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.evaluation import find_modes


def unit_gaussians(means, weights=None, diagonal=True):
    means = np.asarray(means, float)
    count, dim = means.shape
    covariance = np.ones(dim) if diagonal else np.eye(dim)
    return gmmvi.GMM.from_moments(
        np.ones(count) if weights is None else weights,
        means,
        np.broadcast_to(covariance, (count, *covariance.shape)),
    )


def two(distance, dim, diagonal=True):
    means = np.zeros((2, dim))
    means[1] = distance / np.sqrt(dim)  # along the diagonal of the space
    return unit_gaussians(means, diagonal=diagonal)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("dim", [1, 2, 10])
def test_two_gaussians_are_two_modes_from_three_standard_deviations_on(dim, diagonal):
    for distance in (3.0, 4.0, 10.0, 1000.0):
        modes = find_modes(two(distance, dim, diagonal))
        np.testing.assert_allclose(modes.masses, [0.5, 0.5], rtol=1e-6)
        assert sorted(modes.components) == [0, 1]
    for distance in (0.0, 1.0, 2.0, 2.5):
        modes = find_modes(two(distance, dim, diagonal))
        np.testing.assert_allclose(modes.masses, [1.0])
        np.testing.assert_array_equal(modes.components, [0, 0])


def test_the_dip_that_counts_is_that_of_the_density():
    gmm = two(3.4, 2)
    modes = find_modes(gmm)
    dip = float(modes.log_densities.min() - gmm.log_prob(jnp.mean(gmm.means, axis=0)))
    assert len(find_modes(gmm, min_dip=0.99 * dip).masses) == 2
    assert len(find_modes(gmm, min_dip=1.01 * dip).masses) == 1
    np.testing.assert_allclose(gmm.log_prob(modes.locations), modes.log_densities, atol=1e-5)
    with pytest.raises(ValueError, match=r"min_dip .* got -1"):
        find_modes(gmm, min_dip=-1.0)


def arc(count, radius, spacing, along, across):
    """Gaussians on a circle's arc, long in its direction."""
    angles = np.arange(count) * spacing / radius
    radial = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tangential = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    covariances = sum(
        sd**2 * axis[:, :, None] * axis[:, None, :]
        for sd, axis in ((along, tangential), (across, radial))
    )
    return gmmvi.GMM.from_moments(np.ones(count), radius * radial, covariances)


def test_a_curved_ridge_is_one_mode_though_it_has_many_summits():
    # The straight way between neighbours is 2 standard deviations off the ridge halfway.
    gmm = arc(9, 3.0, 1.25, along=0.5, across=0.04)
    middle = gmm.means[:2].mean(axis=0)
    assert gmm.log_prob(gmm.means[0]) - gmm.log_prob(middle) > 1.0
    modes = find_modes(gmm)
    np.testing.assert_allclose(modes.masses, [1.0])
    np.testing.assert_array_equal(modes.components, np.zeros(9))
    with_a_gap = gmmvi.GMM.from_moments(
        np.r_[np.ones(4), 0.0, np.ones(4)], gmm.means, gmm.covariances
    )
    np.testing.assert_allclose(find_modes(with_a_gap).masses, [0.5, 0.5], rtol=1e-5)


def test_a_long_ridge_in_many_dimensions_is_one_mode_next_to_another():
    times = np.linspace(0.0, 6.0, 150)[:, None]
    curve = 20.0 * np.sin(times + np.arange(10))
    modes = find_modes(unit_gaussians(np.r_[curve, curve[:16] + 100.0], diagonal=False))
    np.testing.assert_allclose(modes.masses, [150 / 166, 16 / 166], rtol=1e-5)
    np.testing.assert_array_equal(modes.components, np.repeat([0, 1], [150, 16]))


def test_a_component_without_weight_has_no_mode_of_its_own():
    means = [[0.0, 0.0], [50.0, 0.0], [0.0, 9.0], [60.0, 0.0]]
    gmm = unit_gaussians(means, weights=[0.7, 0.3, 1e-9, 0.0])
    modes = find_modes(gmm)
    np.testing.assert_allclose(modes.masses, [0.7, 0.3], rtol=1e-6)
    np.testing.assert_array_equal(modes.components, [0, 1, 0, 1])
    np.testing.assert_allclose(modes.locations, means[:2], atol=1e-4)


def test_a_mixture_that_is_nan_has_modes_that_are_nan():
    gmm = gmmvi.GMM(jnp.full(2, jnp.nan), jnp.full((2, 2), jnp.nan), jnp.ones((2, 2)))
    assert np.all(np.isnan(find_modes(gmm).masses))


@pytest.mark.slow
def test_a_run_on_a_ridge_reports_one_mode():
    target = gmmvi.targets.get("banana")
    config = gmmvi.samtron(
        target.dim,
        prior_mean=target.prior_mean,
        prior_scale=target.prior_scale,
        num_iterations=150,
        add_iters=15,
        max_components=10,
        log_every=150,
        diagnostic_samples=0,
    )
    outcome = gmmvi.train(config, target)
    modes = outcome.modes(min_dip=1.0)
    assert outcome.gmm.num_components > 5
    assert modes.masses[0] > 0.9
    np.testing.assert_allclose(modes.masses.sum(), 1.0)
    assert len(modes.components) == outcome.gmm.num_components
    assert f"{len(outcome.modes().masses)} mode" in outcome.summary()
