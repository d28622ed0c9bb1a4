"""Tests of adding and deleting components against the rules written out in numpy."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import gmmvi_jax as gmmvi
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_adaptation.adaptive import Adaptive, AdaptiveMemory
from gmmvi_jax.modules.component_adaptation.compaction import keep_components
from gmmvi_jax.modules.component_adaptation.deleting import (
    History,
    components_to_keep,
    smoothing_kernel,
    window_length,
)
from gmmvi_jax.modules.component_adaptation.fixed import Fixed
from gmmvi_jax.modules.component_adaptation.new_covariance import isotropic_variance
from gmmvi_jax.modules.component_adaptation.protocol import Adapted, Remembered
from gmmvi_jax.modules.records import ComponentRecord, Memories, empty_record
from gmmvi_jax.samples.archive import Archive

from ..double_precision import enable_x64
from ..oracles import (
    Floats,
    HostTarget,
    Mixture,
    make_record,
    pad,
    random_mixture,
    unpad,
)

pytestmark = pytest.mark.usefixtures("float64")

D, BLOCK, CAPACITY, MAX_COMPONENTS = 2, 3, 6, 5
DEL_ITERS = 6
HALF = 2  # floor(DEL_ITERS / 3)
WINDOW = 10  # DEL_ITERS + 2 HALF
CHUNK, ROWS, LIMIT, NUM_PRIOR = 8, 72, 40, 7
PRIOR_MEAN, PRIOR_VARIANCE = np.array([3.0, -2.0]), np.array([4.0, 0.25])
MISSING = -np.finfo(np.float64).max
THRESHOLDS = [1000.0, 500.0, 200.0, 100.0, 50.0, 5000.0]  # in the order of the searches
EXACT = 1e-10

FROM_ARCHIVE = Adaptive(
    prior_mean=jnp.asarray(PRIOR_MEAN, jnp.float32),
    initial_variance=jnp.asarray(PRIOR_VARIANCE, jnp.float32),
    lightest=1e-6,
    add_iters=3,
    del_iters=DEL_ITERS,
    num_database_samples=LIMIT,
    num_prior_samples=0,
    max_database_size=64,
)
WITH_PRIOR = dataclasses.replace(FROM_ARCHIVE, num_prior_samples=NUM_PRIOR, add_iters=1)

adapt_jit = jax.jit(Adaptive.__call__)
keep_jit = jax.jit(components_to_keep, static_argnums=5)
compact = jax.jit(keep_components)


def distinct(points: Any) -> Floats:
    """Returns the distinct points; XLA may compute one twice, and round it differently."""
    points = np.asarray(points)
    return points[np.unique(np.round(points, 4), axis=0, return_index=True)[1]]


def hill(points: Floats) -> Floats:
    """A target with a mode where no mixture of these tests has mass."""
    return -0.5 * np.sum((points - 4.0) ** 2, axis=-1)


def make_archive(points: Floats, log_target: Floats) -> Archive:
    """Returns an archive whose rows behind the live ones look most attractive."""
    count = len(points)
    stale = np.full((ROWS - count, D), 1e3)
    return Archive(
        points=jnp.asarray(np.concatenate([points, stale])),
        log_target=jnp.asarray(np.append(log_target, np.full(ROWS - count, 1e9))),
        count=jnp.asarray(count, jnp.int32),
        stride=jnp.ones((), jnp.int32),
        skip=jnp.zeros((), jnp.int32),
        chunk_size=CHUNK,
        keeps_history=True,
    )


def random_candidates(mixture: Mixture, count: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Returns points from near to far, whose log target falls more slowly than the mixture's.

    Under a threshold tau the best of them are about tau nats below the best covered one, which
    is itself far from covered.
    """
    generator = np.random.default_rng(seed)
    directions = scipy.stats.uniform_direction(D).rvs(count, random_state=generator)
    radii = np.geomspace(15.0, 150.0, count)[generator.permutation(count)]
    points = (directions * radii[:, None]).astype(np.float32).astype(np.float64)
    return points, 0.6 * mixture.log_density(points) + 3.0 * generator.normal(size=count)


def make_history(rewards: Any = (), weights: Any = ()) -> History:
    """Returns ring buffers with these rows, padded to the capacity; the rest is 0."""

    def padded(rows: Any) -> Any:
        buffer = np.zeros((CAPACITY, WINDOW))
        buffer[: len(rows)] = np.asarray(rows).reshape(-1, WINDOW)
        return jnp.asarray(buffer)

    return History(padded(rewards), padded(weights))


def memories_of(adaptation: Any, other: Any = ()) -> Memories:
    """Returns memories of which one other choice has one, too."""
    return Memories(other, adaptation, (), (), (), ())


def memory_of(adapted: Adapted) -> AdaptiveMemory:
    return adapted.memories.component_adaptation


def newborn_of(adaptive: Adaptive, mixture: PaddedMixture) -> Remembered:
    other = jnp.full(CAPACITY, 0.25)
    return Remembered(
        empty_record(CAPACITY, jnp.result_type(float)), memories_of(adaptive.init(mixture), other)
    )


def adapt(
    mixture: Mixture | PaddedMixture,
    archive: Archive,
    iteration: int,
    adaptive: Adaptive = FROM_ARCHIVE,
    record: ComponentRecord | None = None,
    history: History | None = None,
    num_searches: int = 0,
    seed: int = 0,
    temperature: float = 1.0,
    target: Any = None,
) -> Adapted:
    if isinstance(mixture, Mixture):
        mixture = pad(mixture, CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    return adapt_jit(
        adaptive,
        jax.random.key(seed),
        HOST_HILL if target is None else target,
        mixture,
        make_record(CAPACITY) if record is None else record,
        memories_of(
            AdaptiveMemory(
                jnp.asarray(num_searches, jnp.int32),
                make_history() if history is None else history,
            ),
            jnp.arange(1.0, 1.0 + CAPACITY),
        ),
        newborn_of(adaptive, mixture),
        archive,
        jnp.asarray(temperature),
        jnp.asarray(iteration, jnp.int32),
    )


HOST_HILL = HostTarget(hill)


@pytest.fixture
def float32(float64: None) -> Iterator[None]:
    """Single precision again: callbacks run on threads that do not know of double precision."""
    del float64
    with enable_x64(False):
        yield


@functools.cache
def three_components() -> Mixture:
    return random_mixture(np.random.default_rng(2), 3, D, spread=1.0)


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


# --- adding: where ---------------------------------------------------------------------------


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


# --- adding: what ----------------------------------------------------------------------------


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
    for was, now in zip(before.gaussians, after.mixture.gaussians, strict=True):
        np.testing.assert_array_equal(np.asarray(was)[:3], np.asarray(now)[:3])
    np.testing.assert_array_equal(
        np.asarray(before.log_weights)[:3], np.asarray(after.mixture.log_weights)[:3]
    )
    np.testing.assert_allclose(after.mixture.log_weights[3], np.log(1e-29), rtol=EXACT)
    factor, inverse = (np.asarray(leaf)[3] for leaf in after.mixture.gaussians[1:])
    np.testing.assert_allclose(factor, factor[0, 0] * np.eye(D), rtol=EXACT)
    np.testing.assert_allclose(factor @ inverse, np.eye(D), atol=EXACT)
    born = {name: np.asarray(leaf)[3] for name, leaf in after.components._asdict().items()}
    for name in ("stepsizes", "ages", "num_rejected", "divergences"):
        assert np.all(born[name] == 0), name
    for name in ("rewards", "previous_rewards"):
        assert np.all(born[name] == MISSING), name
    for name, leaf in after.components._asdict().items():
        np.testing.assert_array_equal(np.asarray(leaf)[:3], np.asarray(getattr(marks, name))[:3])
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


# --- adding: when ----------------------------------------------------------------------------


def assert_nothing_was_added(adapted: Adapted, before: PaddedMixture) -> None:
    info = adapted.info
    assert info.num_added == info.num_deleted == info.num_target_evaluations == 0
    assert memory_of(adapted).num_searches == 0
    for was, now in zip(jax.tree.leaves(before), jax.tree.leaves(adapted.mixture), strict=True):
        np.testing.assert_array_equal(was, now)


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


# --- deleting --------------------------------------------------------------------------------

LIGHT, GOOD = 1e-9, [0, 2, 4]
LATE = 7 * 11 + 1  # an iteration at which nothing is added: 78 = 3 * 26 would


def in_ring(history: Floats, iteration: int) -> Floats:
    """Returns the ring buffer in which the newest column stands at ``iteration`` % WINDOW."""
    return np.roll(history, (iteration + 1) % WINDOW, axis=1)


class Scenario:
    """Five components; 1 and 3 are old, stagnating and light. Columns are in order of time."""

    def __init__(self) -> None:
        self.rewards = np.zeros((5, WINDOW))
        self.rewards[[1, 3]] = -1000.0
        self.weights = np.full((5, WINDOW), 0.3)
        self.weights[[1, 3]] = LIGHT
        self.ages = np.full(5, 50)

    def arguments(self, iteration: int) -> tuple[PaddedMixture, ComponentRecord, History]:
        mixture = random_mixture(np.random.default_rng(2), 5, D)
        weights = self.weights[:, -1] / self.weights[:, -1].sum()
        # This iteration's column is still to be written, from the rewards and the weights.
        rewards, history = self.rewards.copy(), self.weights.copy()
        rewards[:, -1], history[:, -1] = 1e5, 1.0
        marks = np.arange(1.0, 6.0)
        record = make_record(
            CAPACITY,
            stepsizes=marks,
            num_rejected=10 * marks,
            divergences=100 * marks,
            previous_rewards=1000 * marks,
            rewards=self.rewards[:, -1],
            ages=self.ages,
        )
        padded = pad(
            mixture._replace(weights=weights), CAPACITY, BLOCK, max_components=MAX_COMPONENTS
        )
        in_rings = make_history(in_ring(rewards, iteration), in_ring(history, iteration))
        return padded, record, in_rings

    def adapt(self, iteration: int = 79, temperature: float = 1.0) -> Adapted:
        padded, record, history = self.arguments(iteration)
        archive = make_archive(np.array([[9.0, 9.0]]), np.zeros(1))
        return adapt(padded, archive, iteration, FROM_ARCHIVE, record, history, 0, 0, temperature)

    def kept(self, iteration: int = 79, temperature: float = 1.0) -> list[int]:
        """Returns which components are left, told by their stepsizes."""
        adapted = self.adapt(iteration, temperature)
        count = int(adapted.mixture.num_components)
        assert adapted.info.num_deleted == 5 - count
        return [round(mark) - 1 for mark in np.asarray(adapted.components.stepsizes)[:count]]


@pytest.mark.parametrize("iteration", [7, 10, 19, 20, 29, 79])
def test_components_that_are_old_stagnating_and_light_are_deleted(iteration: int) -> None:
    assert Scenario().kept(iteration) == GOOD


@pytest.mark.parametrize("iteration", [1, 2, 5])
def test_nothing_is_deleted_in_the_first_iterations(iteration: int) -> None:
    assert Scenario().kept(iteration) == [0, 1, 2, 3, 4]


def test_nothing_is_deleted_in_the_iteration_that_ends_the_first_period() -> None:
    adapted = Scenario().adapt(DEL_ITERS)
    assert (adapted.info.num_deleted, adapted.info.num_added) == (0, 0)  # 5 is all there may be


@pytest.mark.parametrize(("age", "is_kept"), [(DEL_ITERS - 1, True), (DEL_ITERS, False)])
def test_a_component_is_kept_until_it_is_old_enough(age: int, is_kept: bool) -> None:
    scenario = Scenario()
    scenario.ages[1] = age
    assert scenario.kept() == ([0, 1, 2, 4] if is_kept else GOOD)


@pytest.mark.parametrize(
    ("then", "now", "is_kept"),
    [
        (-1000.0, -590.0, True),  # improved by 41 %
        (-1000.0, -610.0, False),  # by 39 %
        (-1000.0, -5000.0, False),  # got worse
        (-100.0, -50.0, True),
    ],
)
def test_a_component_that_improves_relative_to_the_best_one_is_kept(
    then: float, now: float, is_kept: bool
) -> None:
    scenario = Scenario()
    scenario.rewards[1, : 2 * HALF], scenario.rewards[1, 2 * HALF :] = then, now
    scenario.rewards[:, : 2 * HALF] += 777.0  # the best one's "now" counts, not its "then"
    scenario.rewards[1, : 2 * HALF] -= 777.0
    assert scenario.kept() == ([0, 1, 2, 4] if is_kept else GOOD)


@pytest.mark.parametrize("column", range(WINDOW))
def test_a_component_that_was_heavy_once_in_the_window_is_kept(column: int) -> None:
    for weight, expected in ((1.1e-6, [0, 1, 2, 4]), (0.9e-6, GOOD)):
        scenario = Scenario()
        # Without the newest column, weights are as they were then; that one is normalised.
        scale = scenario.weights[:, column].sum() if column == WINDOW - 1 else 1.0
        scenario.weights[1, column] = weight * scale
        assert scenario.kept() == expected


@pytest.mark.parametrize("column", [2 * HALF, 2 * HALF + 1])
def test_a_component_that_a_greedy_update_would_have_made_heavy_once_is_kept(column: int) -> None:
    # Columns between the two smoothed windows: they do not touch the other criterion.
    # Greedy weight: exp(-10 / beta) / 3.
    scenario = Scenario()
    scenario.rewards[1, column] = -10.0
    assert scenario.kept(temperature=1.0) == [0, 1, 2, 4]
    assert scenario.kept(temperature=0.5) == GOOD


@pytest.mark.parametrize("column", [0, 1, 2, 3, 6, 7, 8, 9])
def test_a_window_that_contains_a_missing_reward_is_never_stagnating(column: int) -> None:
    scenario = Scenario()
    scenario.rewards[1, column] = MISSING
    assert scenario.kept() == [0, 1, 2, 4]


def test_a_component_may_be_young_if_its_windows_are_complete() -> None:
    scenario = Scenario()
    scenario.ages[1] = WINDOW
    assert scenario.kept() == GOOD


@pytest.mark.parametrize("del_iters", [3, 6, 7, 8, 100])
def test_the_smoothing_kernel_is_a_gaussian_of_an_eighth_of_the_period(del_iters: int) -> None:
    half = del_iters // 3
    expected = scipy.stats.norm.pdf(np.arange(-half, half), scale=del_iters / 8)
    kernel = smoothing_kernel(del_iters)
    np.testing.assert_allclose(kernel, expected / expected.sum(), rtol=EXACT)
    assert window_length(del_iters) == del_iters + len(kernel)


def textbook_criteria(
    rewards: Floats, weights: Floats, ages: Floats, temperature: float
) -> tuple[Floats, Floats, Floats]:
    """Returns [K] old enough, stagnating, light; histories [K, WINDOW] in order of time."""
    known = rewards > MISSING
    kernel = scipy.stats.norm.pdf(np.arange(-HALF, HALF), scale=DEL_ITERS / 8)
    windows = [slice(WINDOW - 2 * HALF, WINDOW), slice(0, 2 * HALF)]
    now, then = (rewards[:, window] @ kernel / kernel.sum() for window in windows)
    complete = [np.all(known[:, window], axis=1) for window in windows]
    best = now[complete[0]].max()
    improvement = ((now - best) - (then - best)) / np.abs(then - best)
    logits = np.where(known, np.where(known, rewards, 0.0) / temperature, -np.inf)
    greedy = np.exp(logits - logits.max(axis=0))
    greedy = greedy / greedy.sum(axis=0)
    return (
        ages >= DEL_ITERS,
        complete[0] & complete[1] & (improvement <= 0.4),
        (weights.max(axis=1) < 1e-6) & (greedy.max(axis=1) < 1e-6),
    )


def test_deleting_agrees_with_the_rules_written_out_on_random_histories() -> None:
    generator = np.random.default_rng(12)
    padded = pad(random_mixture(generator, 5, D), CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    decided = np.zeros(8, int)
    for _ in range(200):
        iteration = int(generator.integers(DEL_ITERS + 1, 60))
        temperature = float(generator.choice([0.5, 1.0, 2.0]))
        level = generator.normal(size=(5, 1)) * [[0.0], [20.0], [20.0], [20.0], [20.0]]
        trend = generator.normal(size=(5, 1)) * np.linspace(0.0, 20.0, WINDOW)
        rewards = level + trend + 0.5 * generator.normal(size=(5, WINDOW))
        birth = np.where(generator.random(5) < 0.15, generator.integers(1, 5, 5), 0)
        birth[0] = 0
        rewards[np.arange(WINDOW) < birth[:, None]] = MISSING
        weights = 10.0 ** generator.uniform(-10.0, -5.9, size=(5, WINDOW))
        ages = generator.integers(DEL_ITERS - 3, DEL_ITERS + 8, size=5)
        record = make_record(CAPACITY, ages=ages)
        history = make_history(in_ring(rewards, iteration), in_ring(weights, iteration))
        found = keep_jit(
            padded,
            record,
            history,
            jnp.asarray(temperature),
            jnp.asarray(iteration),
            DEL_ITERS,
            1e-6,
        )
        criteria = textbook_criteria(rewards, weights, ages, temperature)
        expected = ~np.all(criteria, axis=0)
        np.testing.assert_array_equal(found, np.append(expected, False))
        decided += np.bincount(np.array([1, 2, 4]) @ np.array(criteria), minlength=8)
    # Every combination of criteria occurred often: 3, 5, 6 lack one criterion, 7 none.
    assert np.all(decided[[3, 5, 6, 7]] >= 20)


# --- moving components -----------------------------------------------------------------------


def marked(num_components: int) -> tuple[PaddedMixture, Remembered]:
    """Returns a mixture and a record in which every array holds the number of its component."""
    padded = pad(random_mixture(np.random.default_rng(0), num_components, D), CAPACITY, BLOCK)
    record = Remembered(make_record(CAPACITY), memories_of(make_history()))
    arrays = jax.tree.map(
        lambda leaf: (
            jnp.zeros_like(leaf)
            + jnp.arange(CAPACITY).astype(leaf.dtype).reshape(-1, *[1] * (leaf.ndim - 1))
        ),
        (padded.gaussians, record),
    )
    return dataclasses.replace(padded, gaussians=arrays[0]), arrays[1]


@pytest.mark.parametrize(
    ("num_components", "kept"),
    [
        (6, [0, 1, 2, 3, 4, 5]),
        (6, [1, 2, 3, 4, 5]),
        (6, [0, 1, 2, 3, 4]),
        (6, [0, 3, 5]),
        (6, [5]),
        (4, [0, 2, 3]),
        (4, [1, 3]),
        (1, [0]),
    ],
)
def test_the_kept_components_stay_whole_and_in_order_and_their_weights_sum_to_one(
    num_components: int, kept: list[int]
) -> None:
    before, record = marked(num_components)
    mixture, record = compact(before, record, np.isin(np.arange(CAPACITY), kept))
    count = len(kept)
    assert mixture.num_components == count
    for leaf in jax.tree.leaves((mixture.gaussians, record)):
        rows = np.asarray(leaf)[:count].reshape(count, -1)
        marks = np.array(kept).astype(rows.dtype)
        np.testing.assert_array_equal(rows, np.broadcast_to(marks[:, None], rows.shape))
    log_weights = np.asarray(mixture.log_weights)
    weights = np.exp(np.asarray(before.log_weights))[kept]
    if count == num_components:
        np.testing.assert_array_equal(log_weights[:count], np.asarray(before.log_weights)[:count])
    np.testing.assert_allclose(np.exp(log_weights[:count]), weights / weights.sum(), rtol=EXACT)
    assert np.all(np.isneginf(log_weights[count:]))


def test_deleting_keeps_the_gaussians_with_their_records() -> None:
    scenario = Scenario()
    before, record, _ = scenario.arguments(79)
    after = scenario.adapt(79)
    for was, now in zip(before.gaussians, after.mixture.gaussians, strict=True):
        np.testing.assert_array_equal(np.asarray(was)[GOOD], np.asarray(now)[:3])
    for name in ("stepsizes", "ages", "num_rejected", "divergences", "rewards", "previous_rewards"):
        was, now = np.asarray(getattr(record, name)), np.asarray(getattr(after.components, name))
        np.testing.assert_array_equal(was[GOOD], now[:3])
    np.testing.assert_array_equal(
        np.asarray(memory_of(after).history.rewards)[:3], in_ring(scenario.rewards, 79)[GOOD]
    )


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
    for was, now in zip(before.gaussians, after.mixture.gaussians, strict=True):
        np.testing.assert_array_equal(np.asarray(was)[kept], np.asarray(now)[:4])
    np.testing.assert_array_equal(new_mean(after), [9.0, 9.0])
    assert np.all(np.asarray(memory_of(after).history.rewards)[4] == MISSING)
    assert after.components.ages[4] == 0
    np.testing.assert_allclose(np.exp(np.asarray(after.mixture.log_weights)[:5]).sum(), 1.0)


# --- fixed -----------------------------------------------------------------------------------


def test_a_fixed_number_keeps_what_the_heuristics_would_delete_and_adds_nothing() -> None:
    scenario, iteration = Scenario(), 81  # two would go, and one come
    before, record, _ = scenario.arguments(iteration)
    archive = make_archive(*random_candidates(three_components(), 33))
    after = jax.jit(Fixed.__call__)(
        Fixed(),
        jax.random.key(0),
        HOST_HILL,
        before,
        record,
        memories_of((), jnp.arange(CAPACITY)),
        Remembered(record, memories_of((), jnp.arange(CAPACITY))),
        archive,
        jnp.asarray(1.0),
        jnp.asarray(iteration, jnp.int32),
    )
    assert list(after.info) == [0, 0, 0]
    np.testing.assert_array_equal(after.memories.natural_gradient, np.arange(CAPACITY))
    was, now = jax.tree.leaves((before, record)), jax.tree.leaves((after.mixture, after.components))
    for first, second in zip(was, now, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_fixed_number_needs_no_histories_and_no_archive() -> None:
    assert Fixed().archive_capacity(1000) == 0
    assert not Fixed().keeps_history()
    config = gmmvi.from_codename("SEMTFOX", D, num_initial_components=4)
    state = jax.eval_shape(gmmvi.init, config.algorithm, jax.random.key(0))
    assert state.memories.component_adaptation == ()
    assert state.database.archive.points.shape == (0, D)
    assert state.mixture.max_components == 4
