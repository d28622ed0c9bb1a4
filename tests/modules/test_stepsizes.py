"""Tests of the stepsizes of components (R, D, F) and weights (N, G, X), step by step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gmmvi_jax.modules.component_stepsizes.decaying import DecayingComponentStepsize
from gmmvi_jax.modules.component_stepsizes.fixed import FixedComponentStepsize
from gmmvi_jax.modules.component_stepsizes.improvement_based import (
    ImprovementBasedComponentStepsize,
)
from gmmvi_jax.modules.component_stepsizes.protocol import ComponentStepsize
from gmmvi_jax.modules.improvement import scale_by_improvement
from gmmvi_jax.modules.records import ComponentRecord, missing_reward
from gmmvi_jax.modules.weight_stepsizes.decaying import DecayingWeightStepsize
from gmmvi_jax.modules.weight_stepsizes.fixed import FixedWeightStepsize
from gmmvi_jax.modules.weight_stepsizes.improvement_based import (
    ImprovementBasedWeightStepsize,
    objective_of_rewards,
)
from gmmvi_jax.modules.weight_stepsizes.protocol import WeightStepsize
from gmmvi_jax.numerics.schedule import Scheduled

from ..oracles import Floats, make_record, pad, random_mixture

MISSING = float(missing_reward(jnp.dtype(jnp.float32)))
CAPACITY, BLOCK, D = 6, 3, 2

PADDED = pad(random_mixture(np.random.default_rng(0), 4, D), CAPACITY, BLOCK)
objective = jax.jit(objective_of_rewards)
scale = jax.jit(scale_by_improvement)


@jax.jit
def component_step(rule: ComponentStepsize, record: ComponentRecord) -> ComponentRecord:
    """Returns the record after a rule without a memory."""
    memory = rule.init(PADDED)
    record, after = rule(PADDED, record, memory)
    assert memory == after == ()
    return record


def weight_stepsizes(rule: WeightStepsize, states: Any) -> tuple[list[float], Any]:
    """Returns the stepsizes of a rule for mixtures and rewards in turn, and its memory then."""
    step = jax.jit(lambda *arguments: rule(*arguments, temperature=jnp.ones(())))
    memory, found = rule.init(PADDED), []
    for mixture, rewards in states:
        stepsize, memory = step(mixture, with_rewards(rewards), memory)
        assert not stepsize.weak_type
        found.append(float(stepsize))
    return found, memory


@pytest.mark.parametrize(
    ("stepsize", "improved", "expected"),
    [
        (0.5, True, 0.75),  # times 1.5
        (0.5, False, 0.25),  # times 0.5
        (0.9, True, 1.0),  # increasing stops at the highest
        (0.15, False, 0.1),  # decreasing stops at the lowest
        (1.0, True, 1.0),
        (0.1, False, 0.1),
        (7.0, False, 3.5),  # above the highest: decreasing is free
        (7.0, True, 1.0),  # and increasing ends at the highest
        (0.01, True, 0.015),  # below the lowest: increasing is free
        (0.01, False, 0.1),  # and decreasing ends at the lowest
    ],
)
def test_increasing_stops_at_the_highest_and_decreasing_at_the_lowest(
    stepsize: float, improved: bool, expected: float
) -> None:
    found = scale(jnp.asarray(stepsize), jnp.asarray(improved), 0.1, 1.0, 1.5, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# --- R: components ---------------------------------------------------------------------------


def rule(initial: float) -> ImprovementBasedComponentStepsize:
    return ImprovementBasedComponentStepsize(
        initial=initial, lowest=0.001, highest=1.0, increase=1.15, decrease=0.85
    )


def component_stepsizes(initial: float, rewards: list[float]) -> list[float]:
    """Returns the stepsizes of a component from birth, which earns ``rewards`` one by one."""
    record = make_record(1, rewards=[MISSING], previous_rewards=[MISSING])
    stepsizes = []
    for age, reward in enumerate(rewards):
        record = component_step(rule(initial), record._replace(ages=jnp.array([age])))
        stepsizes.append(float(record.stepsizes[0]))
        record = record._replace(rewards=jnp.array([reward]), previous_rewards=record.rewards)
    return stepsizes


@pytest.mark.parametrize(
    ("initial", "first", "second"),
    [
        (0.1, 0.085, 0.085 * 1.15),
        (1e-5, 0.001, 0.00115),  # below the lowest, as in the published default
        (5.0, 4.25, 1.0),  # above the highest
        (0.0011, 0.001, 0.00115),
    ],
)
def test_a_fresh_component_is_decreased_once_and_then_increased(
    initial: float, first: float, second: float
) -> None:
    # Missing rewards compare as they stand: equal at first, then any reward is better than none.
    found = component_stepsizes(initial, [-1e9, 0.0])
    np.testing.assert_allclose(found, [first, second], rtol=1e-6)


def test_component_stepsizes_follow_the_rewards_step_by_step() -> None:
    found = component_stepsizes(0.1, [-5.0, -4.0, -4.0, -6.0, -1.0, 0.0])
    factors = [0.85, 1.15, 1.15, 0.85, 0.85, 1.15]  # an equal reward is no improvement
    np.testing.assert_allclose(found, 0.1 * np.cumprod(factors), rtol=1e-5)


def test_every_component_has_its_own_stepsize_and_nothing_else_changes() -> None:
    record = make_record(
        CAPACITY,
        ages=[3, 0, 5, 0],
        stepsizes=[0.2, 0.9, 0.4, 0.0],
        rewards=[1.0, MISSING, -2.0, MISSING],
        previous_rewards=[0.0, MISSING, -1.0, MISSING],
    )
    found = component_step(rule(0.1), record)
    np.testing.assert_allclose(
        np.asarray(found.stepsizes)[:4], [0.23, 0.085, 0.34, 0.085], rtol=1e-6
    )
    for was, now in zip(record._replace(stepsizes=found.stepsizes), found, strict=True):
        np.testing.assert_array_equal(was, now)
    assert found.stepsizes.dtype == record.stepsizes.dtype
    assert not found.stepsizes.weak_type


# --- D and F: components ----------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0.0, 0.55, 1.0])
def test_component_stepsizes_decay_with_the_age_of_each_component(exponent: float) -> None:
    # Two components, the second born two iterations later; rejected updates count as well.
    rule = DecayingComponentStepsize(initial=0.3, exponent=exponent)
    ages = np.array([0, 0])
    found = []
    for iteration in range(5):
        record = make_record(2, ages=ages, was_rejected=[True, False], stepsizes=[7.0, 7.0])
        record = component_step(rule, record)
        assert not record.stepsizes.weak_type
        found.append(np.asarray(record.stepsizes))
        ages = np.array([iteration + 1, max(iteration - 1, 0)])
    expected = [0.3 / (1.0 + t**exponent) for t in (0.0, 1.0, 2.0, 3.0, 4.0)]
    np.testing.assert_allclose(np.array(found)[:, 0], expected, rtol=1e-6)
    late = [expected[0], expected[0], expected[0], expected[1], expected[2]]
    np.testing.assert_allclose(np.array(found)[:, 1], late, rtol=1e-6)
    assert exponent == 0.0 or found[0][0] == np.float32(0.3)  # the first step is the initial one


def test_fixed_component_stepsizes_are_the_same_at_every_age_and_reward() -> None:
    record = make_record(
        CAPACITY, ages=[0, 1, 500], stepsizes=[0.0, 0.9, 0.4], rewards=[MISSING, 1.0, -1.0]
    )
    found = component_step(FixedComponentStepsize(0.07), record)
    np.testing.assert_array_equal(found.stepsizes, np.full(CAPACITY, np.float32(0.07)))
    for was, now in zip(record._replace(stepsizes=found.stepsizes), found, strict=True):
        np.testing.assert_array_equal(was, now)
    assert not found.stepsizes.weak_type


# --- N: weights ------------------------------------------------------------------------------


def textbook_objective(weights: Floats, rewards: Floats, temperature: float) -> float:
    """Returns J = sum pi R - beta sum pi log pi, as float32 where a reward is missing."""
    total = weights @ rewards - temperature * weights @ np.log(weights)
    return float(np.float32(total)) if np.any(rewards == MISSING) else float(total)


def with_rewards(rewards: Floats) -> ComponentRecord:
    # A reward in a slot that is not active must not matter.
    return make_record(CAPACITY, rewards=np.append(rewards, 1e6))


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("fresh", [[], [1], [0, 3]])
def test_a_missing_reward_counts_as_the_lowest_number(fresh: list[int], temperature: float) -> None:
    mixture = random_mixture(np.random.default_rng(0), 4, D)
    rewards = np.array([-3.0, 5.0, 0.5, -1.0])
    rewards[fresh] = MISSING
    found = objective(
        pad(mixture, CAPACITY, BLOCK), with_rewards(rewards), jnp.asarray(temperature)
    )
    expected = textbook_objective(mixture.weights, rewards, temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_without_any_reward_the_objective_is_missing() -> None:
    mixture = random_mixture(np.random.default_rng(0), 4, D)
    record = with_rewards(np.full(4, MISSING))
    found = objective(pad(mixture, CAPACITY, BLOCK), record, jnp.ones(()))
    assert found == MISSING


@pytest.mark.parametrize(
    ("initial", "expected"),
    [
        # No objective yet, equal to the initial one: decreased. Then up, equal, down, up.
        (0.1, [0.085, 0.09775, 0.0830875, 0.070624375, 0.08121803125]),
        (5.0, [4.25, 2.0, 1.7, 1.445, 1.66175]),  # initial above the highest
        (1e-4, [1e-3, 1.15e-3, 1e-3, 1e-3, 1.15e-3]),  # initial below the lowest
    ],
)
def test_the_weight_stepsize_follows_the_objective_step_by_step(
    initial: float, expected: list[float]
) -> None:
    stepsize = ImprovementBasedWeightStepsize(
        initial=initial, lowest=1e-3, highest=2.0, increase=1.15, decrease=0.85
    )
    base = np.array([-3.0, 5.0, 0.5, -1.0])
    rewards = (np.full(4, MISSING), base, base, base - 1.0, base)
    found, _ = weight_stepsizes(stepsize, [(PADDED, values) for values in rewards])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_objective_uses_the_weights_as_they_are_now() -> None:
    # The same rewards under weights that prefer the better component: an improvement.
    mixture = random_mixture(np.random.default_rng(0), 2, D)
    rewards = np.array([0.0, 100.0])
    stepsize = ImprovementBasedWeightStepsize(0.1, 1e-3, 2.0, 1.15, 0.85)
    states = [
        (pad(mixture._replace(weights=np.array(weights)), CAPACITY, BLOCK), rewards)
        for weights in ([0.9, 0.1], [0.1, 0.9], [0.2, 0.8])
    ]
    found, memory = weight_stepsizes(stepsize, states)
    expected = textbook_objective(np.array([0.2, 0.8]), rewards, 1.0)
    np.testing.assert_allclose(memory.objective, expected, rtol=1e-5)
    np.testing.assert_allclose(found, 0.1 * np.cumprod([1.15, 1.15, 0.85]), rtol=1e-5)


def test_the_weight_stepsize_shrinks_while_components_are_added_every_iteration() -> None:
    # As on planar_robot_4: a component is added every iteration while the others improve.
    stepsize = ImprovementBasedWeightStepsize(0.1, 1e-3, 2.0, 1.15, 0.85)
    states = []
    for iteration in range(4):
        count = 2 + iteration
        mixture = random_mixture(np.random.default_rng(1), count, D)
        weights = np.append(np.full(count - 1, 1.0 / (count - 1)), 1e-29)
        rewards = np.append(np.full(count - 1, float(iteration)), MISSING)
        padded = pad(mixture._replace(weights=weights), CAPACITY, BLOCK)
        states.append((padded, rewards))
    found, _ = weight_stepsizes(stepsize, states)
    # The first one beats the initial objective, which is lower still.
    np.testing.assert_allclose(found[-1], 0.1 * 1.15 * 0.85**3, rtol=1e-5)


def test_the_weight_stepsize_grows_while_the_others_improve_by_hundreds_of_nats() -> None:
    # The same far from the target: 1e-29 times the lowest float32 leaves a resolution of 256 nats.
    stepsize = ImprovementBasedWeightStepsize(0.1, 1e-3, 2.0, 1.15, 0.85)
    states = []
    for level in (-5000.0, -4000.0, -3000.0, -2990.0):
        mixture = random_mixture(np.random.default_rng(1), 3, D)
        padded = pad(mixture._replace(weights=np.array([0.5, 0.5, 1e-29])), CAPACITY, BLOCK)
        rewards = np.array([level, level, MISSING])
        states.append((padded, rewards))
    found, _ = weight_stepsizes(stepsize, states)
    np.testing.assert_allclose(found, 0.1 * np.cumprod([1.15, 1.15, 1.15, 0.85]), rtol=1e-5)


# --- G and X: weights ------------------------------------------------------------------------


@pytest.mark.parametrize("initial", [0.8, 0.0])
def test_the_weight_stepsize_decays_over_the_updates(initial: float) -> None:
    rule = DecayingWeightStepsize(initial, 0.55)
    found, memory = weight_stepsizes(rule, [(PADDED, np.arange(4.0))] * 6)
    expected = initial / (1.0 + np.arange(6.0) ** 0.55)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert memory == 6


@pytest.mark.parametrize("initial", [0.8, 0.0])
def test_the_fixed_weight_stepsize_is_always_the_same(initial: float) -> None:
    found, memory = weight_stepsizes(FixedWeightStepsize(initial), [(PADDED, np.arange(4.0))] * 2)
    assert found == [np.float32(initial)] * 2
    assert memory == 2


def test_a_stepsize_may_follow_a_schedule_of_optax() -> None:
    schedule = Scheduled(optax.linear_schedule(0.4, 0.1, 3))
    found, _ = weight_stepsizes(FixedWeightStepsize(schedule), [(PADDED, np.arange(4.0))] * 5)
    np.testing.assert_allclose(found, [0.4, 0.3, 0.2, 0.1, 0.1], rtol=1e-6)
    record = make_record(CAPACITY, ages=np.array([0, 2, 7, 1]))
    record = component_step(FixedComponentStepsize(schedule), record)
    np.testing.assert_allclose(record.stepsizes[:4], [0.4, 0.2, 0.1, 0.3], rtol=1e-6)
