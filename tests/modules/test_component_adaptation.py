"""Tests of adding components, and of whole adaptations, against the rules in numpy."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_adaptation.adaptive import Adaptive
from gmmvi_jax.modules.component_adaptation.new_covariance import isotropic_variance
from gmmvi_jax.modules.component_adaptation.protocol import Adapted

from ..double_precision import enable_x64
from ..oracles import Floats, Mixture, make_record, pad, random_mixture, rows, unpad
from .adaptation_cases import (
    BLOCK,
    CAPACITY,
    DEL_ITERS,
    EXACT,
    FROM_ARCHIVE,
    GOOD,
    HALF,
    HOST_HILL,
    LIMIT,
    MAX_COMPONENTS,
    MISSING,
    NUM_PRIOR,
    PRIOR_MEAN,
    PRIOR_VARIANCE,
    WINDOW,
    D,
    Scenario,
    adapt,
    hill,
    in_ring,
    make_archive,
    make_history,
    memory_of,
    random_candidates,
    three_components,
)

pytestmark = pytest.mark.usefixtures("float64")
THRESHOLDS = [1000.0, 500.0, 200.0, 100.0, 50.0, 5000.0]  # in the order of the searches
WITH_PRIOR = dataclasses.replace(FROM_ARCHIVE, num_prior_samples=NUM_PRIOR, add_iters=1)


def distinct(points: Any) -> Floats:
    """Returns the distinct points; XLA may compute one twice, and round it differently."""
    points = np.asarray(points)
    return points[np.unique(np.round(points, 4), axis=0, return_index=True)[1]]


@pytest.fixture
def float32(float64: None) -> Iterator[None]:
    """Single precision again: callbacks run on threads that do not know of double precision."""
    del float64
    with enable_x64(False):
        yield


def best_candidate(
    mixture: Mixture, points: Floats, log_target: Floats, threshold: float
) -> Floats:
    """Returns argmax of log p~(x) - max(log q(x), max_x' log q(x') - tau)."""
    log_mixture = mixture.log_density(points)
    scores = log_target - np.maximum(log_mixture, log_mixture.max() - threshold)
    return points[np.argmax(scores)]


def new_mean(adapted: Adapted) -> Floats:
    """Returns the mean of the component that was just added."""
    assert adapted.info.num_added == 1
    return np.asarray(adapted.mixture.gaussians.mean)[int(adapted.mixture.num_components) - 1]


def test_the_new_mean_is_the_best_candidate_under_each_threshold_in_its_turn() -> None:
    mixture = three_components()
    points, log_target = random_candidates(mixture, 33)
    archive = make_archive(points, log_target)
    expected = [best_candidate(mixture, points, log_target, tau) for tau in THRESHOLDS]
    assert len(np.unique(expected, axis=0)) == 6  # else their order would not show
    for search in range(8):
        adapted = adapt(mixture, archive, iteration=3, num_searches=search)
        np.testing.assert_array_equal(new_mean(adapted), expected[search % 6])
        assert memory_of(adapted).num_searches == search + 1
        assert adapted.info.num_target_evaluations == 0


def test_candidates_without_a_usable_target_value_never_win() -> None:
    mixture = three_components()
    points, log_target = random_candidates(mixture, 33)
    expected = best_candidate(mixture, points, log_target, THRESHOLDS[0])
    best = np.flatnonzero(np.all(points == expected, axis=1))[0]
    log_target[best] = -np.inf
    usable = np.isfinite(log_target)
    second = best_candidate(mixture, points[usable], log_target[usable], THRESHOLDS[0])
    adapted = adapt(mixture, make_archive(points, log_target), iteration=3)
    np.testing.assert_array_equal(new_mean(adapted), second)
    for useless in (-np.inf, np.nan, np.inf):
        archive = make_archive(points, np.full(33, useless))
        np.testing.assert_array_equal(new_mean(adapt(mixture, archive, 3)), PRIOR_MEAN)


def test_of_a_large_archive_every_row_is_a_candidate_as_often_as_the_others() -> None:
    mixture = three_components()
    count, num_keys = 64, 40
    points, log_target = random_candidates(mixture, count)
    best = best_candidate(mixture, points, log_target, THRESHOLDS[0])
    archive = make_archive(points, log_target)
    chosen = [new_mean(adapt(mixture, archive, iteration=3, seed=seed)) for seed in range(num_keys)]
    assert all(np.any(np.all(points == mean, axis=1)) for mean in chosen)
    # LIMIT rows of all are candidates, from a random one on: five standard errors.
    share = LIMIT / count
    found = np.mean([np.array_equal(mean, best) for mean in chosen])
    assert abs(found - share) < 5.0 * np.sqrt(share * (1.0 - share) / num_keys)


@pytest.mark.usefixtures("float32")
def test_candidates_from_the_prior_compete_and_are_counted_but_not_stored() -> None:
    mixture = three_components()
    points, log_target = random_candidates(mixture, 33)
    log_target = log_target - 60.0  # so that the prior's candidates win at low thresholds
    archive = make_archive(points, log_target)
    winners = []
    for seed in range(20):
        HOST_HILL.seen.clear()
        adapted = adapt(mixture, archive, 3, WITH_PRIOR, seed=seed, num_searches=seed)
        mean = new_mean(adapted)
        fresh = distinct(HOST_HILL.seen)
        assert len(fresh) == adapted.info.num_target_evaluations == NUM_PRIOR
        candidates = np.concatenate([points, fresh])
        values = np.append(log_target, hill(fresh))
        threshold = THRESHOLDS[seed % 6]
        best = best_candidate(mixture, candidates, values, threshold)
        np.testing.assert_allclose(mean, best, rtol=1e-5)
        winners.append(np.any(np.all(points == mean, axis=1)))
    assert 0 < np.sum(winners) < 20  # both kinds of candidates won


@pytest.mark.usefixtures("float32")
def test_candidates_from_the_prior_have_the_initial_covariance() -> None:
    mixture = three_components()
    HOST_HILL.seen.clear()
    empty = make_archive(np.zeros((0, D)), np.zeros(0))
    for seed in range(60):
        adapted = adapt(mixture, empty, 2, WITH_PRIOR, seed=seed)
        assert np.any(np.all(np.isclose(new_mean(adapted), HOST_HILL.seen), axis=1))
    fresh = distinct(HOST_HILL.seen)
    assert len(fresh) == 60 * NUM_PRIOR
    whitened = (fresh - PRIOR_MEAN) / np.sqrt(PRIOR_VARIANCE)
    error = 5.0 / np.sqrt(len(fresh))
    np.testing.assert_allclose(whitened.mean(axis=0), 0.0, atol=error)
    np.testing.assert_allclose(
        whitened.T @ whitened / len(fresh), np.eye(D), atol=np.sqrt(2.0) * error
    )


def gaussian_entropy(log_determinant: Floats | float) -> Any:
    return 0.5 * (D * (1.0 + np.log(2.0 * np.pi)) + log_determinant)


def entropy_bounds(mixture: Mixture) -> tuple[float, float]:
    """Returns the weighted mean entropy of the components and that of the prior."""
    entropies = gaussian_entropy(np.linalg.slogdet(mixture.covariances)[1])
    return mixture.weights @ entropies, gaussian_entropy(np.log(PRIOR_VARIANCE).sum())


def test_a_new_component_is_fresh_and_the_others_stay_bit_for_bit() -> None:
    mixture = three_components()
    before = pad(mixture, CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    marks = make_record(
        CAPACITY,
        **{name: np.arange(1.0, 7.0) for name in ("stepsizes", "ages", "num_rejected", "rewards")},
        divergences=np.arange(1.0, 7.0),
        previous_rewards=np.arange(1.0, 7.0),
    )
    history = make_history(np.arange(1.0, 7.0)[:, None] * np.ones(WINDOW), np.ones((6, WINDOW)))
    archive = make_archive(*random_candidates(mixture, 33))
    after = adapt(before, archive, iteration=3, record=marks, history=history)
    assert after.mixture.num_components == 4
    old = slice(3)
    chex.assert_trees_all_equal(rows(before.gaussians, old), rows(after.mixture.gaussians, old))
    np.testing.assert_array_equal(
        np.asarray(before.log_weights)[:3], np.asarray(after.mixture.log_weights)[:3]
    )
    np.testing.assert_allclose(after.mixture.log_weights[3], np.log(1e-29), rtol=EXACT)
    factor, inverse = (np.asarray(leaf)[3] for leaf in after.mixture.gaussians[1:3])
    np.testing.assert_allclose(factor, factor[0, 0] * np.eye(D), rtol=EXACT)
    np.testing.assert_allclose(factor @ inverse, np.eye(D), atol=EXACT)
    born = {name: np.asarray(leaf)[3] for name, leaf in after.components._asdict().items()}
    for name in ("stepsizes", "ages", "num_rejected", "divergences"):
        assert np.all(born[name] == 0), name
    for name in ("rewards", "previous_rewards"):
        assert np.all(born[name] == MISSING), name
    chex.assert_trees_all_equal(rows(marks, old), rows(after.components, old))
    found = memory_of(after).history
    assert np.all(np.asarray(found.rewards)[3] == MISSING)
    assert np.all(np.asarray(found.weights)[3] == 0.0)
    # What another choice remembers starts for the new one as it does for all.
    np.testing.assert_array_equal(after.memories.natural_gradient[:4], [1.0, 2.0, 3.0, 0.25])


def test_the_entropy_of_a_new_component_is_uniform_between_model_and_prior() -> None:
    mixture = three_components()
    archive = make_archive(*random_candidates(mixture, 33))
    model, prior = entropy_bounds(mixture)
    found = []
    for seed in range(60):
        covariance = unpad(adapt(mixture, archive, 3, seed=seed).mixture).covariances[-1]
        found.append(gaussian_entropy(np.linalg.slogdet(covariance)[1]))
    shares = (np.array(found) - prior) / (model - prior)
    assert scipy.stats.kstest(shares, "uniform").pvalue > 1e-4


def test_the_entropy_of_a_new_component_is_a_share_between_the_two() -> None:
    mixture = three_components()
    padded = pad(mixture, CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    shares = np.linspace(0.0, 1.0, 9)
    variances = jax.jit(jax.vmap(isotropic_variance, in_axes=(0, None, None)))(
        shares, padded, jnp.sqrt(PRIOR_VARIANCE)
    )
    model, prior = entropy_bounds(mixture)
    expected = shares * model + (1.0 - shares) * prior
    np.testing.assert_allclose(gaussian_entropy(D * np.log(np.asarray(variances))), expected)


def assert_nothing_was_added(adapted: Adapted, before: PaddedMixture) -> None:
    info = adapted.info
    assert info.num_added == info.num_deleted == info.num_target_evaluations == 0
    assert memory_of(adapted).num_searches == 0
    chex.assert_trees_all_equal(before, adapted.mixture)


@pytest.mark.parametrize(
    ("iteration", "is_due"),
    [(1, False), (2, False), (3, True), (4, False), (5, False), (6, True), (7, False)],
)
def test_components_are_added_on_schedule_only(iteration: int, is_due: bool) -> None:
    mixture = three_components()
    before = pad(mixture, CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    archive = make_archive(*random_candidates(mixture, 33))
    adapted = adapt(before, archive, iteration)
    if is_due:
        assert adapted.info.num_added == 1
    else:
        assert_nothing_was_added(adapted, before)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize(("iteration", "is_due"), [(1, False), (2, True)])
def test_nothing_is_added_in_the_first_iteration_even_if_every_iteration_adds(
    iteration: int, is_due: bool
) -> None:
    mixture = three_components()
    before = pad(mixture, CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    archive = make_archive(*random_candidates(mixture, 33))
    HOST_HILL.seen.clear()
    adapted = adapt(before, archive, iteration, WITH_PRIOR)
    assert bool(HOST_HILL.seen) == is_due
    if is_due:
        assert adapted.info.num_added == 1
    else:
        assert_nothing_was_added(adapted, before)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("adaptive", [FROM_ARCHIVE, WITH_PRIOR], ids=["archive", "prior"])
def test_nothing_is_added_or_evaluated_when_there_is_no_room(adaptive: Adaptive) -> None:
    mixture = random_mixture(np.random.default_rng(2), MAX_COMPONENTS, D)
    before = pad(mixture, CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    assert before.capacity > MAX_COMPONENTS
    archive = make_archive(*random_candidates(mixture, 33))
    HOST_HILL.seen.clear()
    assert_nothing_was_added(adapt(before, archive, 3, adaptive), before)
    assert not HOST_HILL.seen


@pytest.mark.parametrize("max_database_size", [0, 100, 1000])
def test_the_archive_has_room_for_a_batch_after_every_thinning(max_database_size: int) -> None:
    adaptive = dataclasses.replace(FROM_ARCHIVE, max_database_size=max_database_size)
    for max_samples in (1, 49, 50, 51, 400):
        capacity = adaptive.archive_capacity(max_samples)
        assert capacity >= max(max_database_size, max_samples)
        if max_database_size:
            # Half of a full archive, and every second sample of the largest batch.
            assert (capacity + 1) // 2 + (max_samples + 1) // 2 <= capacity
    assert adaptive.keeps_history() == (max_database_size > 0)


def test_nothing_is_deleted_in_the_iteration_that_ends_the_first_period() -> None:
    adapted = Scenario().adapt(DEL_ITERS)
    assert (adapted.info.num_deleted, adapted.info.num_added) == (0, 0)  # 5 is all there may be


def test_deleting_keeps_the_gaussians_with_their_records() -> None:
    scenario = Scenario()
    before, record, _ = scenario.arguments(79)
    after = scenario.adapt(79)
    left = rows(after.mixture.gaussians, slice(3))
    chex.assert_trees_all_equal(rows(before.gaussians, GOOD), left)
    for name in ("stepsizes", "ages", "num_rejected", "divergences", "rewards", "previous_rewards"):
        was, now = np.asarray(getattr(record, name)), np.asarray(getattr(after.components, name))
        np.testing.assert_array_equal(was[GOOD], now[:3])
    np.testing.assert_array_equal(
        np.asarray(memory_of(after).history.rewards)[:3], in_ring(scenario.rewards, 79)[GOOD]
    )


def test_components_are_deleted_by_the_temperature_of_the_step() -> None:
    scenario = Scenario()
    scenario.rewards[1, 2 * HALF] = -10.0  # greedy weight exp(-10 / beta) / 3
    assert scenario.adapt(temperature=1.0).info.num_deleted == 1
    assert scenario.adapt(temperature=0.5).info.num_deleted == 2


def test_this_iterations_rewards_and_weights_enter_the_histories() -> None:
    scenario = Scenario()
    scenario.rewards[:] = np.random.default_rng(0).normal(size=(5, WINDOW))
    scenario.weights[:, -1] = [0.1, 0.2, 0.3, 0.25, 0.15]
    after = scenario.adapt(79)
    np.testing.assert_array_equal(
        np.asarray(memory_of(after).history.rewards)[:5], in_ring(scenario.rewards, 79)
    )
    np.testing.assert_allclose(
        np.asarray(memory_of(after).history.weights)[:5], in_ring(scenario.weights, 79), rtol=EXACT
    )


def test_a_deleted_component_makes_room_for_one_added_in_the_same_iteration() -> None:
    scenario, iteration = Scenario(), 81  # a multiple of add_iters
    scenario.ages[3] = 1  # one goes, of five that there may be
    before, record, _ = scenario.arguments(iteration)
    after = scenario.adapt(iteration)
    assert (after.info.num_deleted, after.info.num_added) == (1, 1)
    assert after.mixture.num_components == 5
    kept = [0, 2, 3, 4]
    np.testing.assert_array_equal(
        np.asarray(after.components.stepsizes)[:5], np.append(np.asarray(record.stepsizes)[kept], 0)
    )
    left = rows(after.mixture.gaussians, slice(4))
    chex.assert_trees_all_equal(rows(before.gaussians, kept), left)
    np.testing.assert_array_equal(new_mean(after), [9.0, 9.0])
    assert np.all(np.asarray(memory_of(after).history.rewards)[4] == MISSING)
    assert after.components.ages[4] == 0
    np.testing.assert_allclose(np.exp(np.asarray(after.mixture.log_weights)[:5]).sum(), 1.0)
