"""Tests of the largest tilt of the weights inside a trust region, in both precisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.modules.weight_updaters.trust_region import solve_tilt, tilt_divergence

from ..double_precision import enable_x64
from ..oracles import Floats
from .tilts import TOLERANCE, tilted, weights_divergence

K = 5

solve_many = jax.jit(jax.vmap(solve_tilt))
divergence_of_many = jax.jit(jax.vmap(tilt_divergence))


def random_tilts(num_problems: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Returns weights, rewards, bounds and largest scales, from tame to extreme."""
    generator = np.random.default_rng(9)
    weights = generator.dirichlet(np.full(K, 0.5), size=num_problems)
    weights[::5, 0] = 1e-29  # a component that was just added
    rewards = 10.0 ** generator.uniform(-3.0, 3.0, (num_problems, 1))
    rewards = rewards * generator.normal(size=(num_problems, K))
    weights = np.maximum(weights, 1e-30)
    weights /= weights.sum(axis=1, keepdims=True)
    advantages = rewards - np.sum(weights * rewards, axis=1, keepdims=True)
    bounds = 10.0 ** generator.uniform(-5.0, 0.7, num_problems)
    return np.log(weights), advantages, bounds, 10.0 ** generator.uniform(-1.0, 1.0, num_problems)


@pytest.mark.parametrize("bits", [32, 64])
def test_the_tilt_is_the_full_one_or_as_large_as_its_bound_allows(bits: int) -> None:
    num_problems = 300
    log_weights, advantages, bounds, largest = random_tilts(num_problems)
    padding = [(0, 0), (0, 2)]  # slots that are not active
    with enable_x64(bits == 64):
        arguments = (
            np.pad(log_weights, padding, constant_values=-np.inf),
            np.pad(advantages, padding),
            bounds,
            largest,
        )
        scale = solve_many(*(jnp.asarray(argument, float) for argument in arguments))
        scale = np.asarray(scale, np.float64)
    full = weights_divergence(tilted(log_weights, advantages, largest), log_weights)
    found = weights_divergence(tilted(log_weights, advantages, scale), log_weights)
    is_full = full <= bounds * (0.999 if bits == 32 else 1.0)
    assert 30 < is_full.sum() < num_problems - 30
    np.testing.assert_allclose(scale[is_full], largest[is_full], rtol=1e-7)
    is_bounded = full > bounds * (1.001 if bits == 32 else 1.0)
    tolerance = 0.01 if bits == 32 else TOLERANCE
    np.testing.assert_allclose(found[is_bounded], bounds[is_bounded], rtol=tolerance)
    assert np.all(found <= bounds * (1.0 + (tolerance if bits == 32 else 1e-9)))


@pytest.mark.parametrize("bits", [32, 64])
def test_a_bound_of_zero_allows_no_tilt_at_all(bits: int) -> None:
    log_weights, advantages, bounds, largest = random_tilts(300)
    with enable_x64(bits == 64):
        arguments = log_weights, advantages, 0.0 * bounds, largest
        scale = solve_many(*(jnp.asarray(argument, float) for argument in arguments))
        np.testing.assert_array_equal(scale, np.zeros(300))


@pytest.mark.parametrize("bits", [32, 64])
def test_the_divergence_of_a_tilt_is_the_textbook_one(bits: int) -> None:
    log_weights, advantages, _, scale = random_tilts(200)
    scale = scale * np.geomspace(1e-4, 1.0, 200)
    with enable_x64(bits == 64):
        arguments = [jnp.asarray(argument, float) for argument in (log_weights, advantages, scale)]
        found = np.asarray(divergence_of_many(*arguments), np.float64)
    # As sum of p log(p/q) - p + q, whose terms do not cancel.
    log_new = tilted(log_weights, advantages, scale)
    log_ratio = log_new - log_weights
    small = np.exp(log_weights) * (log_ratio**2 / 2 + log_ratio**3 / 3 + log_ratio**4 / 8)
    large = np.exp(log_new) * log_ratio - np.exp(log_new) + np.exp(log_weights)
    expected = np.where(np.abs(log_ratio) < 1e-4, small, large).sum(axis=1)
    # The series of the package ends at the fourth order, at a ratio of 1.03.
    tolerance = {32: 5e-3, 64: 2e-6}[bits]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-13)
