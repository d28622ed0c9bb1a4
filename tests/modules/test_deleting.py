"""Tests of deleting components against the rules written out in numpy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_adaptation.compaction import keep_components
from gmmvi_jax.modules.component_adaptation.deleting import smoothing_kernel, window_length
from gmmvi_jax.modules.component_adaptation.protocol import Remembered

from ..oracles import Floats, make_record, pad, random_mixture
from .adaptation_cases import (
    BLOCK,
    CAPACITY,
    DEL_ITERS,
    EXACT,
    GOOD,
    HALF,
    MAX_COMPONENTS,
    MISSING,
    WINDOW,
    D,
    Scenario,
    in_ring,
    keep,
    make_history,
    memories_of,
)

pytestmark = pytest.mark.usefixtures("float64")
compact = jax.jit(keep_components)


@pytest.mark.parametrize("iteration", [7, 10, 19, 20, 29, 79])
def test_components_that_are_old_stagnating_and_light_are_deleted(iteration: int) -> None:
    assert Scenario().kept(iteration) == GOOD


@pytest.mark.parametrize("iteration", [1, 2, 5])
def test_nothing_is_deleted_in_the_first_iterations(iteration: int) -> None:
    assert Scenario().kept(iteration) == [0, 1, 2, 3, 4]


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
        scenario.weights[1, column] = weight
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
        found = keep(padded, record, history, temperature, iteration)
        criteria = textbook_criteria(rewards, weights, ages, temperature)
        expected = ~np.all(criteria, axis=0)
        np.testing.assert_array_equal(found, np.append(expected, False))
        decided += np.bincount(np.array([1, 2, 4]) @ np.array(criteria), minlength=8)
    # Every combination of criteria occurred often: 3, 5, 6 lack one criterion, 7 none.
    assert np.all(decided[[3, 5, 6, 7]] >= 20)


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
