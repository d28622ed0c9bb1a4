"""What ``fit`` looks for once it has converged: a narrow part next to the mixture."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.evaluation.uphill import Uphill, most_evaluations
from gmmvi_jax.gmm import GMM
from gmmvi_jax.init import init, with_component
from gmmvi_jax.multistart import Limits, search_start
from gmmvi_jax.training.last_look import LastLook, _missing

from .cases import models
from .double_precision import enable_x64

DIM = 8
LOOK = LastLook(DIM, most=10, diagnostic_samples=200)
ROW = {"num_target_evaluations": 80_000, "num_diagnostic_evaluations": 500}


def funnel(x):
    """The logarithm of a width in front, and seven normals of this width."""
    return norm.logpdf(x[0], 0.5, 1.2) + norm.logpdf(x[1:], 0.0, jnp.exp(x[0])).sum()


def small_basin(x):
    """Two wide Gaussians, and a narrow one with a tenth of the mass, which few climbs reach."""
    parts = ((0.5, [-5.0, 0.0], 2.0), (0.4, [5.0, 0.0], 2.0), (0.1, [0.0, 8.0], 0.2))
    logs = [jnp.log(w) + norm.logpdf(x, jnp.array(m), s).sum() for w, m, s in parts]
    return jax.nn.logsumexp(jnp.array(logs))


def start_without_the_small_basin():
    return search_start(
        as_log_density(small_basin),
        np.zeros(2),
        np.full(2, 5.0),
        seed=0,
        may_rescale=False,
        limits=Limits(20_000),
        max_components=10,
    )


def upper(diagonal):
    variances = np.array([0.6, *[8.0] * (DIM - 1)])
    covariance = variances if diagonal else np.diag(variances)
    return gmmvi.GMM.from_moments([1.0], np.eye(DIM)[:1], [covariance])


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_neck_of_a_funnel_is_a_gaussian_that_is_missing(diagonal):
    (missing,), spent = LOOK(upper(diagonal), as_log_density(funnel), jax.random.key(0), ROW)
    assert 0.02 < missing.share < 0.6
    assert missing.mean[0] < -0.3
    assert missing.factor.shape == ((DIM,) if diagonal else (DIM, DIM))
    deviations = missing.factor if diagonal else np.linalg.norm(missing.factor, axis=1)
    assert np.all(deviations[1:] < 1.0)
    assert spent == 1000 + 8 * 41 + 40 * (11 + DIM) + 20 * 40 == 1000 + most_evaluations(DIM)


def test_where_nothing_is_missing_nothing_is_found():
    gmm = upper(diagonal=True)
    assert LOOK(gmm, as_log_density(gmm.log_prob), jax.random.key(0), ROW)[0] == []


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_search_goes_on_where_it_found_several_basins(diagonal):
    start = start_without_the_small_basin()
    assert start.climbs is not None
    before = start.num_evaluations
    found = GMM.from_moments([0.5, 0.5], [[-5.0, 0.0], [5.0, 0.0]], [4.0 * np.eye(2)] * 2)
    found = found if not diagonal else GMM(found.log_weights, found.means, 2.0 * np.ones((2, 2)))
    look = LastLook(2, most=10, diagnostic_samples=200, climbs=start.climbs)
    target = as_log_density(small_basin)
    (missing,), spent = look(found, target, jax.random.key(0), ROW)
    np.testing.assert_allclose(missing.share, 0.1, rtol=0.05)
    np.testing.assert_allclose(missing.mean, [0.0, 8.0], atol=0.01)
    np.testing.assert_allclose(missing.factor, 0.2 if diagonal else 0.2 * np.eye(2), atol=0.01)
    climbing = start.climbs.density.num_evaluations - before
    assert spent == climbing + look(found, target, jax.random.key(0), ROW)[1]  # no climbs are left
    full = dataclasses.replace(look, most=2)
    assert full(found, target, jax.random.key(0), ROW)[0] == []


def test_a_search_that_cost_its_share_does_not_go_on():
    start = start_without_the_small_basin()
    look = LastLook(2, most=10, diagnostic_samples=200, climbs=start.climbs)
    few = {"num_target_evaluations": 20 * start.num_evaluations, "num_diagnostic_evaluations": 0}
    gmm = GMM.from_moments([1.0], np.zeros((1, 2)), [25.0 * np.eye(2)])
    look(gmm, as_log_density(gmm.log_prob), jax.random.key(0), few)
    assert start.climbs is not None
    assert start.climbs.density.num_evaluations == start.num_evaluations


def test_a_budget_pays_for_more_climbs_where_there_are_several_basins():
    result = gmmvi.fit(small_basin, 2, prior_scale=5.0, budget=20_000, verbose=False)
    assert result.status == "converged"
    draws = np.asarray(result.gmm.sample(0, 20_000))
    assert np.mean(draws[:, 1] > 7.0) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"elbo_gap": 0.001}, False),  # as close as draws can tell
        ({"num_components": 10}, False),  # no room
        ({"num_target_evaluations": 20_000}, False),  # more than a tenth of the run
        ({"num_diagnostic_evaluations": 9_700}, False),  # looked before
    ],
)
def test_a_look_is_due_where_it_may_find_something_and_costs_little(change, expected):
    first = {"num_diagnostic_evaluations": 300, "num_target_evaluations": 70_000, "wall_time": 8.0}
    last = {
        "wall_time": 10.0,
        "elbo_gap": 0.05,
        "num_components": 5,
        "num_target_evaluations": 80_000,
        "num_diagnostic_evaluations": 500,
    }
    assert LOOK.is_due([first, {**last, **change}]) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"budget": 80_500 + 2 * 2_888 + 2 * 10_200}, True),  # a look and two chunks
        ({"budget": 80_500 + 2 * 2_888 + 2 * 10_200 - 1}, False),
        ({"seconds": 14.0}, True),
        ({"seconds": 13.9}, False),
    ],
)
def test_a_look_keeps_to_the_limits_of_the_run(limits, expected):
    counts = ("num_diagnostic_evaluations", "num_target_evaluations", "wall_time")
    first: dict[str, Any] = dict(zip(counts, (300, 70_000, 8.0), strict=True))
    last: dict[str, Any] = dict(zip(counts, (500, 80_000, 10.0), strict=True))
    look = dataclasses.replace(LOOK, **limits)
    assert look.is_due([first, {**last, "elbo_gap": 0.05, "num_components": 5}]) == expected


def test_a_few_draws_do_not_make_a_component():
    found = Uphill(np.zeros(DIM), 1.0, 0.1, 0, np.eye(20, DIM), np.zeros(20))
    assert _missing(found, upper(diagonal=False)) is not None
    few = found._replace(log_weights=np.where(np.arange(20) < 17, 0.0, -np.inf))
    assert _missing(few, upper(diagonal=False)) is None


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_component_from_outside_leaves_the_others_as_they_are(diagonal):
    config = gmmvi.samtron(3, max_components=4, diagonal=diagonal)
    state = init(config.algorithm, 0)
    factor = np.array([0.5, 1.0, 2.0])
    factor = factor if diagonal else np.diag(factor) + np.tril(np.ones((3, 3)), -1)
    parts = map(jnp.asarray, (0.25, np.arange(3.0), factor))
    before, after = state.gmm(), with_component(config.algorithm, state, *parts).gmm()
    assert after.num_components == before.num_components + 1
    np.testing.assert_allclose(after.weights, [*0.75 * before.weights, 0.25], rtol=1e-5)
    np.testing.assert_allclose(after.means[-1], np.arange(3.0))
    np.testing.assert_allclose(after.factors[-1], factor)
    np.testing.assert_array_equal(after.means[:-1], before.means)
    points = np.random.default_rng(0).normal(size=(5, 3))
    mixture = with_component(config.algorithm, state, *map(jnp.asarray, (0.25, np.ones(3), factor)))
    inverse = mixture.mixture.gaussians.inverse_factor[before.num_components]
    whole = np.diag(inverse) if diagonal else inverse
    dense = np.diag(factor) if diagonal else factor
    np.testing.assert_allclose(points @ dense.T @ whole.T, points, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the log density is")  # not finite, far down where tau is 0
@pytest.mark.parametrize("x64", [False, True])
def test_a_fit_finds_the_neck_of_eight_schools(x64):
    with enable_x64(x64):
        result = gmmvi.fit(models.eight_schools, 10, seed=5, verbose=False)
        draws = np.asarray(result.gmm.sample(0, 50_000))
    assert np.mean(draws[:, 1] < -2.0) > 0.012  # 0.027 is right, 0.000 to 0.006 without the look
    history = result.history
    looks = np.diff(history["num_diagnostic_evaluations"]) - 200
    assert np.sum(looks > 0) >= 1
