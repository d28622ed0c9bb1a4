"""The search for a start: summits, Gaussians there, and how often the target was asked."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.multistart import Climbs, Limits, search_start
from gmmvi_jax.multistart.counted import counted_density

from ..cases import models

COVARIANCE = np.array([[4.0, 1.9, 0.0], [1.9, 1.0, 0.0], [0.0, 0.0, 1e-6]])
MEAN = np.array([3.0, -2.0, 0.5])
PRECISION = jnp.asarray(np.linalg.inv(COVARIANCE))
CENTRES = jnp.array([[-6.0, 0.0, 0.0], [6.0, 0.0, 1.0], [0.0, 7.0, 2.0]])
WEIGHTS = jnp.array([0.6, 0.3, 0.1])


def search(log_target, dim, scale: Any = 5.0, seed=0, **settings):
    defaults = {"may_rescale": False, "limits": Limits(20_000), "max_components": 50}
    return search_start(
        as_log_density(log_target),
        np.zeros(dim),
        np.full(dim, scale),
        seed,
        **{**defaults, **settings},
    )


def start_of(log_target, dim, scale=5.0, **settings):
    """Returns the mixture of a search that found one."""
    gmm = search(log_target, dim, scale, **settings).gmm
    assert gmm is not None
    return gmm


def gaussian(x):
    return -0.5 * (x - MEAN) @ PRECISION @ (x - MEAN)


def three_gaussians(x):
    squares = jnp.sum((x - CENTRES) ** 2, axis=1)
    return jax.nn.logsumexp(jnp.log(WEIGHTS) - 0.5 * squares)


def banana(x):
    return -0.5 * (x[0] ** 2 / 4.0 + (x[1] - x[0] ** 2) ** 2 / 0.01)


def test_rounds_that_do_not_suffice_leave_gaussians_where_the_last_one_found_them():
    start = search(lambda x: -0.5 * jnp.sum(jnp.square(x / 1e14)), 2, 1.0, may_rescale=True)
    assert start.gmm is not None
    # Every round makes the Gaussian a hundred times as wide, and the next scale twice that.
    widths = np.sqrt(np.diagonal(start.gmm.covariances[0]))
    np.testing.assert_allclose(start.prior_scale, 2.0 * widths, rtol=1e-3)


def test_a_centre_between_two_modes_is_not_taken_for_a_summit():
    """By symmetry the gradient there is zero, and everything else lies uphill of it."""
    start = search(lambda x: -0.5 * (jnp.square((x[0] ** 2 - 4.0) * 4.0) + x[1] ** 2), 2, 2.0)
    assert start.num_basins == 2
    assert start.gmm is not None
    np.testing.assert_allclose(np.sort(start.gmm.means[:, 0]), [-2.0, 2.0], atol=0.02)
    np.testing.assert_allclose(start.gmm.weights, 0.5, atol=0.1)


def test_a_gaussian_is_found_exactly():
    gmm = start_of(gaussian, 3)
    assert gmm.num_components == 1
    np.testing.assert_allclose(gmm.means[0], MEAN, rtol=1e-4)
    np.testing.assert_allclose(gmm.covariances[0], COVARIANCE, rtol=2e-3, atol=1e-7)


def test_all_modes_are_found_and_weighed_by_their_mass():
    gmm = start_of(three_gaussians, 3)
    order = np.argsort(gmm.means[:, 0])
    np.testing.assert_allclose(gmm.means[order], CENTRES[jnp.array([0, 2, 1])], atol=1e-3)
    np.testing.assert_allclose(gmm.weights[order], [0.6, 0.1, 0.3], atol=1e-3)
    assert search(three_gaussians, 3).num_basins == 3


def test_every_evaluation_is_counted():
    calls = []

    def value(points):
        calls.append(len(points))
        return -0.5 * np.sum(points**2, axis=1)

    target = densities.black_box(value, 3, gradient=lambda points: -points)
    start = search(target, 3)
    assert start.num_evaluations == sum(calls)


@pytest.mark.parametrize("limit", [1, 100])
def test_no_climb_begins_when_the_evaluations_are_spent(limit):
    assert search(three_gaussians, 3, limits=Limits(limit)).num_evaluations < limit + 400


@pytest.mark.parametrize(("mean", "width"), [(0.0, 1e-3), (1000.0, 1.0), (-50.0, 200.0)])
def test_an_unknown_scale_follows_what_is_found(mean, width):
    start = search(
        lambda x: -0.5 * jnp.sum(((x - mean) / width) ** 2), 2, scale=1.0, may_rescale=True
    )
    assert start.gmm is not None
    np.testing.assert_allclose(start.gmm.means[0], mean, rtol=1e-3, atol=0.01 * width)
    np.testing.assert_allclose(np.sqrt(start.gmm.variances[0]), width, rtol=0.01)
    np.testing.assert_allclose(start.prior_mean, mean, rtol=1e-3, atol=0.01 * width)
    assert np.all(start.prior_scale < 10.0 * width)
    assert np.all(start.prior_scale > width)


def test_a_curved_ridge_gets_narrow_gaussians():
    draws = start_of(banana, 2).sample(0, 2000)
    off_ridge = np.abs(draws[:, 1] - draws[:, 0] ** 2)
    assert np.median(off_ridge) < 1.0


@pytest.mark.parametrize(
    "target",
    [
        lambda x: jnp.where(jnp.all(jnp.abs(x) < 1.0), 0.0, -jnp.inf),
        lambda x: jnp.where(x[0] > 0.1, -x[0], jnp.nan),
        lambda x: -jnp.sum(jnp.abs(x)),
        lambda x: -jnp.log1p(jnp.sum(x**2)) * 3.0,
        lambda x: -jnp.sum(x**4),
    ],
    ids=["box", "nan", "corner", "tails", "flat top"],
)
def test_hard_densities_give_a_finite_start(target):
    gmm = start_of(target, 2, scale=1.0)
    for array in (gmm.log_weights, gmm.means, gmm.factors):
        assert np.all(np.isfinite(array))
    assert np.any(np.isfinite(jax.vmap(target)(gmm.means)))


def test_nowhere_in_the_support_there_is_no_start():
    start = search(lambda x: jnp.where(x[0] > 1e6, 0.0, -jnp.inf), 2)
    assert start.gmm is None
    assert start.num_evaluations == start.num_climbs + 1  # beside the centre, and there


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_a_support_narrower_than_the_first_step_aside_is_found(scale):
    def box(x):
        return jnp.where(jnp.all(jnp.abs(x) < 1e-3), -0.5e6 * jnp.sum(x**2), -jnp.inf)

    gmm = start_of(box, 2, scale)
    np.testing.assert_allclose(gmm.weights, [1.0])
    np.testing.assert_allclose(gmm.means, np.zeros((1, 2)), atol=1e-3)


def test_a_summit_with_a_kink_says_how_wide_the_prior_should_be():
    start = search(lambda x: -jnp.sum(jnp.abs(1e3 * x)), 4, scale=1.0, may_rescale=True)
    assert np.all(np.asarray(start.prior_scale) < 0.05)


def test_climbs_that_are_cheap_beside_the_run_come_after_the_prior_has_its_scale():
    def two(x):
        squares = jnp.sum((x - jnp.array([[-300.0, 0.0], [300.0, 0.0]])) ** 2, axis=1)
        return jax.nn.logsumexp(-0.5 * squares)

    limits = Limits(2_000, cheap_evaluations=4_000)
    start = search(two, 2, scale=50.0, may_rescale=True, limits=limits)
    assert start.num_evaluations >= 500  # as many as there are climbs at most
    assert start.prior_scale[0] > 500.0


def test_a_neck_without_mass_is_no_start():
    def funnel(x):
        return -0.5 * x[0] ** 2 - 0.5 * jnp.sum(x[1:] ** 2) * jnp.exp(-x[0]) - 4.5 * x[0]

    assert search(funnel, 10, scale=1.0).gmm is None


def test_a_summit_that_laplace_says_is_heavy_is_a_start_whatever_the_elbo():
    def sharp(x):  # a Gaussian at its summit, below which it falls much faster
        return -0.5 * x @ x - 5e-10 * (x @ x) ** 8

    assert search(sharp, 20, scale=0.5).gmm is not None


@pytest.mark.parametrize("diagonal", [False, True])
def test_where_no_climb_reaches_a_summit_the_prior_is_in_the_start(float64, diagonal):
    start = search(models.eight_schools, 10, 5.0, seed=8, may_rescale=True, diagonal=diagonal)
    gmm = start.gmm
    assert gmm is not None
    assert gmm.num_components == start.num_basins + 1
    np.testing.assert_array_equal(gmm.means[-1], np.zeros(10))
    np.testing.assert_allclose(gmm.variances[-1], np.full(10, 25.0))
    np.testing.assert_allclose(gmm.weights[-1], 1.0 / gmm.num_components)
    np.testing.assert_array_equal(start.prior_scale, np.full(10, 5.0))  # the neck says nothing
    # The density is softened not below the top of the neck but below what is as heavy, and wide.
    assert start.thinnest < models.eight_schools(gmm.means[0]) - 50.0


@pytest.mark.parametrize(("capacity", "count"), [(1, 1), (2, 2)])
def test_the_prior_is_in_the_start_if_there_is_room(float64, capacity, count):
    settings = {"may_rescale": True, "max_components": capacity}
    assert start_of(models.eight_schools, 10, 5.0, seed=8, **settings).num_components == count


def test_a_neck_that_the_float_type_does_not_resolve_has_no_gaussian():
    start = search(models.eight_schools, 10, 1.0, seed=1, may_rescale=True)
    assert start.num_evaluations < 10_000
    assert start.num_basins <= 1


def test_a_climb_that_ends_on_its_way_along_a_ridge_goes_on_once(monkeypatch):
    monkeypatch.setattr("gmmvi_jax.multistart.climb._MOST_EVALUATIONS", 10)

    def ridge(x):  # Rosenbrock's
        return -jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    def height_of_the_first(is_enough):
        density = counted_density(as_log_density(ridge), np.full(12, 0.5), np.full(12, 2.0))
        climbs = Climbs(density, np.random.default_rng(2))
        climbs.climb_until(lambda: is_enough(climbs))
        return climbs.found[0].summit.value

    assert height_of_the_first(lambda climbs: climbs.count > 0) < -9.0  # no means to go on
    assert height_of_the_first(lambda climbs: bool(climbs.found)) > -4.0


@pytest.mark.parametrize("width", [1e-5, 1.0, 100.0])
def test_a_spike_counts_as_low_as_if_it_were_as_wide_as_the_prior(width):
    def normalised(x):
        return jnp.sum(-0.5 * jnp.square(x / width) - jnp.log(width))

    start = search(normalised, 3, scale=1.0, may_rescale=True)
    assert abs(start.thinnest - min(0.0, -3.0 * np.log(width))) < 0.1


def test_diagonal_covariances_have_the_same_variances():
    gmm = start_of(gaussian, 3, diagonal=True)
    assert gmm.is_diagonal
    np.testing.assert_allclose(gmm.variances[0], np.diag(COVARIANCE), rtol=2e-3)


def test_a_scale_that_follows_leaves_no_basin_behind():
    # On the thin crescents of sbibm's two moons Gaussians of equal modes are ten nats apart; the
    # second round looked at one of them only.
    def two(x):
        squares = jnp.sum((x - jnp.array([[-8.0, 0.0], [8.0, 0.0]])) ** 2, axis=1)
        return jax.nn.logsumexp(jnp.array([0.0, -5.0]) - 0.5 * squares)

    start = search(two, 2, 5.0, may_rescale=True)
    assert start.num_basins == 2
    assert abs(start.prior_mean[0]) < 1.0
    assert start.prior_scale[0] > 8.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_summits_whose_gaussians_fit_badly_are_kept(seed):
    # Four goals, reached with the arm bent to the left or to the right. The Gaussians on the curved
    # ridges differ by tens of nats in their ELBO, of what are mirror images of each other.
    robot = gmmvi.targets.get("planar_robot_4")
    scale = np.array([1.0, *[0.2] * 9])
    gmm = search(robot, robot.dim, scale, seed=seed).gmm
    assert gmm is not None
    postures = set()
    for angles in np.cumsum(gmm.means, axis=1):
        joints = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], axis=1), axis=0)
        tip, elbow = joints[-1], joints[4]
        is_left = tip[0] * elbow[1] > tip[1] * elbow[0]
        postures.add((*np.round(tip / 7.0).astype(int), bool(is_left)))
    assert len(postures) == 8


def test_a_plateau_is_one_summit():
    def box(x):
        return jnp.where(jnp.all(jnp.abs(x) < 1.0), 0.0, -jnp.inf)

    for dim in (1, 5):
        gmm = start_of(box, dim, 0.3)
        assert gmm.num_components == 1
        deviations = np.sqrt(np.diag(gmm.covariances[0]))
        np.testing.assert_allclose(deviations, 1.0 / np.sqrt(3.0), rtol=0.8)


def test_climbs_that_lead_to_a_known_gaussian_end_at_once():
    start = search(three_gaussians, 3)
    assert start.num_climbs > 3 * 60  # these are cheap, so that there may be more of them
    assert start.num_evaluations < start.num_climbs + 200


def test_modes_are_found_without_a_gradient():
    calls = []

    def value(points):
        calls.append(len(points))
        squares = np.sum((points[:, None] - np.asarray(CENTRES)) ** 2, axis=2)
        return np.logaddexp.reduce(np.log(np.asarray(WEIGHTS)) - 0.5 * squares, axis=1)

    start = search(gmmvi.densities.black_box(value, dim=3), 3)
    assert start.num_evaluations == sum(calls) < 2000
    assert start.gmm is not None
    order = np.argsort(start.gmm.means[:, 0])
    np.testing.assert_allclose(start.gmm.means[order], CENTRES[jnp.array([0, 2, 1])], atol=0.05)
    np.testing.assert_allclose(start.gmm.weights[order], WEIGHTS[jnp.array([0, 2, 1])], atol=0.02)
