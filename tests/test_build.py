"""A fit as three pure functions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

SMALL: dict[str, Any] = dict(
    max_components=2, desired_samples=64, num_database_samples=64, max_database_size=256
)
MEAN = np.array([1.0, -2.0], np.float32)


def gaussian(x):
    return -0.5 * jnp.sum((x - MEAN) ** 2) / 0.25


def test_a_loop_of_ones_own_finds_a_gaussian_in_one_compiled_program():
    vi = gmmvi.build(gmmvi.samtron(2, **SMALL), gaussian)

    @jax.jit
    def fit(rng_key, position):
        key_steps, key_sample = jax.random.split(rng_key)
        keys = jax.random.split(key_steps, 60)
        state, infos = jax.lax.scan(lambda state, key: vi.step(key, state), vi.init(position), keys)
        return vi.sample(key_sample, state, 4000), state, infos

    points, state, infos = fit(jax.random.key(0), jnp.zeros(2))
    assert infos.num_target_evaluations.sum() >= 60 * 64
    np.testing.assert_allclose(points.mean(axis=0), MEAN, atol=5 * 0.5 / np.sqrt(4000))
    np.testing.assert_allclose(points.std(axis=0), 0.5, rtol=0.06)
    np.testing.assert_allclose(state.gmm().mean(), MEAN, atol=1e-3)


@pytest.mark.slow
def test_a_config_remembers_the_example_it_was_made_from():
    def density(position):
        return -0.5 * jnp.sum(position["w"] ** 2) - 0.5 * (position["b"] - 1.0) ** 2

    example = {"w": jnp.zeros(2), "b": 0.0}
    config = gmmvi.samtron(example, **SMALL)
    assert config.replace(seed=1).layout == config.layout
    vi = gmmvi.build(config, density)
    state, _ = jax.jit(vi.step)(jax.random.key(0), vi.init(example))
    assert vi.sample(1, state, 3)["w"].shape == (3, 2)  # an integer is a seed


def test_it_starts_where_it_is_told():
    vi = gmmvi.build(gmmvi.samtron(2, prior_mean=5.0, diagonal=True, **SMALL), gaussian)
    np.testing.assert_array_equal(vi.init().gmm().means[0], [5.0, 5.0])
    np.testing.assert_array_equal(vi.init(jnp.ones(2)).gmm().means[0], [1.0, 1.0])
    start = gmmvi.GMM.from_moments([0.3, 0.7], [[0.0, 1.0], [2.0, 3.0]], np.ones((2, 2)))
    state = vi.init(start)
    np.testing.assert_allclose(state.gmm().weights, [0.3, 0.7], rtol=1e-6)
    points = vi.sample(jax.random.key(0), state, 20_000)
    np.testing.assert_allclose(points.mean(axis=0), [1.4, 2.4], atol=0.05)
    np.testing.assert_allclose(points.var(axis=0), 1.0 + 0.21 * 4.0, rtol=0.04)


@pytest.mark.slow
def test_a_sweep_over_floats_is_the_configs_made_one_by_one():
    def config_for(scale, stepsize):  # not SAMTRON, which takes three times as long to compile
        return gmmvi.ibayes_gmm(
            2,
            prior_scale=[scale, 1.0],
            initial_component_stepsize=stepsize,
            num_initial_components=1,
            desired_samples=64,
        )

    @jax.jit
    @jax.vmap
    def two_steps(algorithm):
        vi = gmmvi.build(config_for(1.0, 0.1).replace(algorithm=algorithm), gaussian)
        keys = jax.vmap(jax.random.key)(jnp.arange(2))
        state, infos = jax.lax.scan(lambda state, key: vi.step(key, state), vi.init(), keys)
        return state.mixture.gaussians.mean[0], infos.component_stepsize

    scales, stepsizes = [0.25, 1.5], [0.01, 0.5]
    swept = jax.vmap(lambda *floats: config_for(*floats).algorithm)
    means, used = two_steps(swept(jnp.array(scales), jnp.array(stepsizes)))
    alone = [config_for(*floats).algorithm for floats in zip(scales, stepsizes, strict=True)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone)
    jax.tree.map(np.testing.assert_array_equal, (means, used), two_steps(stacked))
    np.testing.assert_allclose(used[:, 1], stepsizes)
    assert np.linalg.norm(means[1] - MEAN) < np.linalg.norm(means[0] - MEAN)


@pytest.mark.usefixtures("float64")
def test_in_float64_all_of_it_is_double():
    vi = gmmvi.build(gmmvi.vips(2, **SMALL), gaussian)
    initial = jax.eval_shape(vi.init, jnp.zeros(2))
    state, info = jax.eval_shape(vi.step, jax.random.key(0), initial)
    assert info.largest_divergence.dtype == jnp.float64
    draws = jax.eval_shape(lambda state: vi.sample(jax.random.key(1), state, 3), state)
    assert draws.dtype == jnp.float64


def test_settings_and_densities_that_cannot_be_right_are_refused():
    config = gmmvi.samtron(2, **SMALL)
    with pytest.raises(TypeError, match="scalar"):
        gmmvi.build(config, lambda x: x)
    with pytest.raises(ValueError, match="max_components"):
        gmmvi.build(config.replace(max_components=0), gaussian)
