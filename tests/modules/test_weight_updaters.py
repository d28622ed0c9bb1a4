"""Tests of the weights' rewards and updates against plain numpy, in float64."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.weight_updaters.direct import DirectWeights
from gmmvi_jax.modules.weight_updaters.expected_rewards import (
    ExpectedRewards,
    advantages_of,
    expected_rewards,
    record_rewards,
    with_log_weights,
)
from gmmvi_jax.modules.weight_updaters.trust_region import TrustRegionWeights
from gmmvi_jax.numerics.forms.choice import form_named
from gmmvi_jax.samples.database import SampleDatabase, cache_densities
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import empty_window
from gmmvi_jax.samples.window_size import MixtureShape
from gmmvi_jax.typing import Array

from ..oracles import (
    Floats,
    GivenBackground,
    Mixture,
    make_database,
    make_record,
    pad,
    random_mixture,
    with_window,
)
from .tilts import TOLERANCE, tilted, weights_divergence

D, K, BLOCK, CAPACITY = 2, 5, 3, 9
CHUNK, ROWS = 16, 80
EXACT = 1e-10
rewards_jit = jax.jit(expected_rewards, static_argnums=4)
cache_jit = jax.jit(cache_densities)
record_jit = jax.jit(record_rewards)
set_weights = jax.jit(with_log_weights)
update = {
    TrustRegionWeights: jax.jit(TrustRegionWeights.__call__),
    DirectWeights: jax.jit(DirectWeights.__call__),
}


@pytest.fixture(params=[True, False], ids=["self-normalised", "plain"])
def self_normalized(request: pytest.FixtureRequest) -> bool:
    return request.param


def make_case(
    diagonal: bool = False, num_usable: int = 70
) -> tuple[Mixture, Floats, Floats, Floats]:
    """Returns a mixture and samples that were drawn from something else, some without weight."""
    generator = np.random.default_rng(1)
    mixture = random_mixture(generator, K, D, diagonal)
    points = 2.0 * generator.normal(size=(70, D))
    log_target = -0.5 * np.sum((points - 1.0) ** 2, axis=1)
    log_background = generator.normal(size=70) - 3.0
    log_background[generator.permutation(70)[num_usable:]] = np.inf
    return mixture, points, np.where(np.isfinite(log_background), log_target, 0.0), log_background


def textbook_rewards(
    case: tuple[Mixture, Floats, Floats, Floats], temperature: float, self_normalized: bool
) -> Floats:
    """Returns [K] sum_n w_on (log p~(x_n) - beta log q(x_n))."""
    mixture, points, log_target, log_background = case
    ratios = np.exp(mixture.component_log_densities(points) - log_background[:, None])
    num_usable = np.isfinite(log_background).sum()
    weights = ratios / (ratios.sum(axis=0) if self_normalized else num_usable)
    return weights.T @ (log_target - temperature * mixture.log_density(points))


def database_for(case: tuple[Mixture, Floats, Floats, Floats]) -> SampleDatabase:
    _, points, log_target, log_background = case
    return make_database(points, log_background, ROWS, CHUNK, log_target=log_target)


def background_of(database: SampleDatabase) -> Array:
    given = database.densities
    assert isinstance(given, GivenBackground | KeptDensities)
    return given.background


def rewards_of(
    mixture: PaddedMixture, database: SampleDatabase, temperature: Array, self_normalized: bool
) -> ExpectedRewards:
    background = background_of(database)
    return rewards_jit(mixture, database, background, temperature, self_normalized)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("num_usable", [70, 41])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_expected_rewards_are_the_textbook_sums(
    temperature: float, num_usable: int, self_normalized: bool, diagonal: bool
) -> None:
    case = make_case(diagonal, num_usable)
    padded = pad(case[0], CAPACITY, BLOCK, diagonal)
    found = rewards_of(padded, database_for(case), jnp.asarray(temperature), self_normalized)
    expected = textbook_rewards(case, temperature, self_normalized)
    np.testing.assert_allclose(np.asarray(found.values)[:K], expected, rtol=EXACT)
    shape = MixtureShape(CAPACITY, D, form_named(diagonal), 8)
    window = empty_window(2 * CAPACITY, ROWS, BLOCK, shape, jnp.dtype(float))
    stale = jax.tree.map(lambda leaf: jnp.full_like(leaf, 7 if leaf.ndim else 0), window)
    ahead = cache_jit(with_window(database_for(case), stale), padded)
    read = rewards_of(padded, ahead, jnp.asarray(temperature), self_normalized)
    np.testing.assert_allclose(np.asarray(read.values)[:K], expected, rtol=EXACT)
    np.testing.assert_allclose(read.effective_samples, found.effective_samples, rtol=EXACT)
    ratios = np.exp(case[0].component_log_densities(case[1]) - case[3][:, None])
    effective = ratios.sum(axis=0) ** 2 / (ratios**2).sum(axis=0)
    np.testing.assert_allclose(np.asarray(found.effective_samples)[:K], effective, rtol=EXACT)


def test_what_cannot_be_estimated_is_replaced_by_the_weighted_mean_of_the_others() -> None:
    case = make_case()
    padded = pad(case[0], CAPACITY, BLOCK)
    # A component so far away that its density is 0 in float32: 0 / 0.
    gaussians = padded.gaussians._replace(mean=padded.gaussians.mean.at[2].set(1e30))
    padded = dataclasses.replace(padded, gaussians=gaussians)
    rewards, effective = rewards_of(padded, database_for(case), jnp.ones(()), True)
    found = np.asarray(rewards)[:K]
    assert effective[2] == 0.0
    others = [0, 1, 3, 4]
    seen = Mixture(*(field[others] for field in case[0]))
    expected = textbook_rewards((seen, *case[1:]), 1.0, True)
    np.testing.assert_allclose(found[others], expected, rtol=1e-4)
    assert np.isnan(found[2])


def test_a_reward_that_is_not_known_stays_what_it_was_and_has_no_advantage() -> None:
    mixture = make_case()[0]
    padded = pad(mixture, CAPACITY, BLOCK)
    expected = np.where(np.arange(CAPACITY) == 2, np.nan, np.arange(CAPACITY) + 1.0)
    record = make_record(CAPACITY, rewards=np.arange(CAPACITY) - 10.0)
    known = ExpectedRewards(jnp.asarray(expected), jnp.ones(CAPACITY))
    found = record_jit(padded, record, known, jnp.ones(()))
    assert found.rewards[2] == found.previous_rewards[2] == -8.0
    advantages = np.asarray(advantages_of(padded, jnp.asarray(expected)))
    others = [0, 1, 3, 4]
    shares = mixture.weights[others] / mixture.weights[others].sum()
    assert advantages[2] == 0.0
    np.testing.assert_allclose(
        advantages[others], expected[others] - shares @ expected[others], rtol=1e-5
    )


def test_a_batch_without_usable_samples_gives_no_reward_and_leaves_the_weights_alone() -> None:
    case = make_case(num_usable=0)
    padded = pad(case[0], CAPACITY, BLOCK)
    database, one = database_for(case), jnp.ones(())
    found = rewards_of(padded, database, one, True)
    assert np.all(np.isnan(np.asarray(found.values)[:K]))
    assert np.all(np.asarray(found.effective_samples) == 0.0)
    record = make_record(CAPACITY)
    for updater, call in update.items():
        moved, *_ = call(updater(), padded, record, (), database, background_of(database), one, one)
        np.testing.assert_allclose(
            np.exp(np.asarray(moved.log_weights)[:K]), case[0].weights, rtol=1e-6
        )


@pytest.mark.usefixtures("float64")
def test_rewards_are_recorded_with_the_weights_before_the_update() -> None:
    mixture = make_case()[0]
    padded = pad(mixture, CAPACITY, BLOCK)
    expected, temperature = np.arange(1.0, CAPACITY + 1.0), 0.3
    old, older = np.arange(CAPACITY) + 0.25, np.arange(CAPACITY) + 0.125
    record = make_record(
        CAPACITY, rewards=old, previous_rewards=older, effective_samples=np.full(CAPACITY, 7.0)
    )
    known = ExpectedRewards(jnp.asarray(expected), 2.0 * jnp.asarray(expected))
    found = record_jit(padded, record, known, jnp.asarray(temperature))
    rewards = expected[:K] + temperature * np.log(mixture.weights)
    np.testing.assert_allclose(found.rewards, np.append(rewards, old[K:]), rtol=EXACT)
    np.testing.assert_array_equal(found.previous_rewards, np.append(old[:K], older[K:]))
    np.testing.assert_array_equal(
        found.effective_samples, np.append(2.0 * expected[:K], np.full(CAPACITY - K, 7.0))
    )


@pytest.mark.usefixtures("float64")
def test_weights_are_floored_at_1e_minus_30_and_sum_to_one() -> None:
    padded = pad(make_case()[0], CAPACITY, BLOCK)
    log_weights = np.array([3.0, -np.inf, -500.0, 2.0, -60.0, 99.0, 99.0, 99.0, 99.0])
    found = np.asarray(set_weights(padded, log_weights).log_weights)
    live = scipy.special.softmax(log_weights[:K])
    expected = np.maximum(live, 1e-30)
    np.testing.assert_allclose(np.exp(found[:K]), expected / expected.sum(), rtol=EXACT)
    assert np.all(np.isneginf(found[K:]))


def run(
    stepsize: float,
    temperature: float,
    self_normalized: bool = True,
    updater: type[TrustRegionWeights | DirectWeights] = TrustRegionWeights,
) -> tuple[PaddedMixture, PaddedMixture, ComponentRecord]:
    """Returns the mixture before and after an update, and the record."""
    case = make_case()
    padded = pad(case[0], CAPACITY, BLOCK)
    record = make_record(CAPACITY, rewards=np.arange(CAPACITY))
    database = database_for(case)
    moved, record, _, _ = update[updater](
        updater(self_normalized),
        padded,
        record,
        (),
        database,
        background_of(database),
        jnp.asarray(stepsize, float),
        jnp.asarray(temperature, float),
    )
    return padded, moved, record


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("stepsize", [1e-5, 1e-2, 0.3, 100.0])
def test_the_updated_weights_are_those_of_the_first_admissible_multiplier_of_a_grid(
    stepsize: float, temperature: float, self_normalized: bool
) -> None:
    case = make_case()
    expected_reward = textbook_rewards(case, temperature, self_normalized)
    _, moved, record = run(stepsize, temperature, self_normalized)
    log_old, log_new = np.log(case[0].weights), np.asarray(moved.log_weights)[:K]
    # log pi' ~ log pi + r / (beta + eta) with the smallest eta >= 0 whose KL is admissible.
    eta = np.append(0.0, np.geomspace(1e-6, 1e6, 20_001))
    candidates = tilted(log_old, expected_reward, 1.0 / (temperature + eta))
    divergence = weights_divergence(candidates, log_old)
    first = np.flatnonzero(divergence <= stepsize)[0]
    found = weights_divergence(log_new, log_old)
    assert found <= stepsize * (1.0 + 1e-9)
    if first == 0:
        np.testing.assert_allclose(log_new, candidates[0], rtol=EXACT)
    else:
        np.testing.assert_allclose(found, stepsize, rtol=TOLERANCE)
        step = np.abs(candidates[first] - log_old).max()
        np.testing.assert_allclose(log_new, candidates[first], atol=3e-3 * step)
    assert (first == 0) == (stepsize == 100.0)
    np.testing.assert_allclose(
        np.asarray(record.rewards)[:K], expected_reward + temperature * log_old, rtol=EXACT
    )
    np.testing.assert_array_equal(np.asarray(record.previous_rewards)[:K], np.arange(K))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("stepsize", [1e-4, 0.5, 1.0, 4.0])
def test_the_direct_update_multiplies_by_powers_of_the_rewards(
    stepsize: float, temperature: float, self_normalized: bool
) -> None:
    case = make_case()
    expected_reward = textbook_rewards(case, temperature, self_normalized)
    _, moved, record = run(stepsize, temperature, self_normalized, DirectWeights)
    # pi'_o ~ pi_o exp(r_o)^(eps / beta), floored at 1e-30: the largest step reaches the floor.
    weights = case[0].weights * np.exp(expected_reward) ** (stepsize / temperature)
    expected = np.maximum(weights / weights.sum(), 1e-30)
    found = np.exp(np.asarray(moved.log_weights)[:K])
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-9)
    np.testing.assert_allclose(
        np.asarray(record.rewards)[:K],
        expected_reward + temperature * np.log(case[0].weights),
        rtol=EXACT,
    )
    np.testing.assert_array_equal(np.asarray(record.previous_rewards)[:K], np.arange(K))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_a_direct_step_of_size_one_is_the_best_there_is_for_constant_rewards(
    temperature: float,
) -> None:
    # The maximum of sum pi' (r + beta log pi) - beta sum pi' log pi', found by brute force.
    case = make_case()
    rewards = textbook_rewards(case, temperature, True) + temperature * np.log(case[0].weights)

    def negative_objective(logits: Floats) -> float:
        log_weights = logits - scipy.special.logsumexp(logits)
        weights = np.exp(log_weights)
        return float(-(weights @ (rewards - temperature * log_weights)))

    best = scipy.optimize.minimize(negative_objective, np.zeros(K), tol=1e-12).x
    found = np.asarray(run(1.0, temperature, True, DirectWeights)[1].log_weights)[:K]
    # The minimiser has no gradients to go by: scipy 1.14 comes as near as 1.4e-6.
    np.testing.assert_allclose(np.exp(found), scipy.special.softmax(best), atol=5e-6)


@pytest.mark.parametrize("updater", update)
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_a_stepsize_of_zero_leaves_every_bit_of_the_weights(
    temperature: float, updater: type[TrustRegionWeights | DirectWeights]
) -> None:
    before, after, record = run(0.0, temperature, updater=updater)
    np.testing.assert_array_equal(after.log_weights, before.log_weights)
    assert np.all(np.asarray(record.previous_rewards)[:K] == np.arange(K))  # rewards are recorded


@pytest.mark.parametrize("updater", update)
def test_updating_weights_leaves_the_gaussians_and_inactive_slots_alone(
    updater: type[TrustRegionWeights | DirectWeights],
) -> None:
    before, after, record = run(0.1, 1.0, updater=updater)
    chex.assert_trees_all_equal(before.gaussians, after.gaussians)
    assert after.num_components == K
    np.testing.assert_array_equal(np.asarray(record.rewards)[K:], np.arange(K, CAPACITY))
