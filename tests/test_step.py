"""``init`` and ``step``: exact on Gaussians, indifferent to capacity, ready for accelerators."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import gmmvi_jax as gmmvi
from gmmvi_jax.training.chunk import run_chunk

DIM = 4
COVARIANCE = np.array(
    [[2.0, 0.6, 0.0, 0.1], [0.6, 1.0, 0.2, 0.0], [0.0, 0.2, 0.5, 0.1], [0.1, 0.0, 0.1, 3.0]]
)
MEAN = np.array([1.0, -2.0, 0.5, 3.0])


def gaussian_target(x):
    offset = x - jnp.asarray(MEAN, x.dtype)
    return -0.5 * offset @ jnp.asarray(np.linalg.inv(COVARIANCE), x.dtype) @ offset


def gaussian_config(**settings):
    return gmmvi.samtron(
        DIM,
        prior_scale=3.0,
        max_components=2,
        add_iters=10**6,
        desired_samples=200,
        initial_component_stepsize=1e3,
        max_component_stepsize=1e3,
        **settings,
    )


def run(config, target, num_steps, seed=0):
    state = jax.jit(gmmvi.init)(config.algorithm, jax.random.key(seed))
    chex.clear_trace_counter()
    one_step = jax.jit(chex.assert_max_traces(gmmvi.step, n=1), static_argnums=1)
    for _ in range(num_steps):
        state, _ = one_step(config.algorithm, target, state)
    return state


@pytest.mark.parametrize("temperature", [pytest.param(1.0, marks=pytest.mark.slow), 0.5])
def test_a_gaussian_target_is_found_exactly(temperature):
    state = run(gaussian_config(temperature=temperature), gaussian_target, 8)
    gmm = state.gmm()
    np.testing.assert_allclose(gmm.means[0], MEAN, atol=1e-3)
    np.testing.assert_allclose(gmm.covariances[0], temperature * COVARIANCE, atol=1e-3)


def test_a_diagonal_mixture_finds_the_best_diagonal_gaussian():
    # The optimum of KL(q || p) over diagonal Gaussians has the precision's diagonal.
    state = run(gaussian_config(diagonal=True), gaussian_target, 60)
    gmm = state.gmm()
    assert gmm.factors.shape == (1, DIM)
    variances = 1.0 / np.diag(np.linalg.inv(COVARIANCE))
    np.testing.assert_allclose(np.square(gmm.factors[0]), variances, rtol=0.25)
    np.testing.assert_allclose(gmm.means[0], MEAN, atol=0.4)


def growing_config(max_components):
    return gmmvi.samtron(
        2, prior_scale=3.0, max_components=max_components, add_iters=3, desired_samples=40
    )


def ring(x):
    return -2.0 * (jnp.sqrt(jnp.sum(x**2) + 1e-6) - 3.0) ** 2


@pytest.mark.slow
def test_capacity_does_not_change_the_run():
    small = run(growing_config(6), ring, 12)
    large = run(growing_config(40), ring, 12)
    count = int(small.mixture.num_components)
    assert count == int(large.mixture.num_components) > 3
    np.testing.assert_allclose(
        small.mixture.gaussians.mean[:count],
        large.mixture.gaussians.mean[:count],
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.slow
def test_a_run_can_be_vmapped_over_seeds_and_stepsizes():
    config = growing_config(6)
    keys = jax.random.split(jax.random.key(1), 2)
    states = jax.vmap(gmmvi.init, in_axes=(None, 0))(config.algorithm, keys)
    many_steps = jax.jit(jax.vmap(gmmvi.step, in_axes=(None, None, 0)), static_argnums=1)
    for _ in range(7):
        states, _ = many_steps(config.algorithm, ring, states)
    alone = jax.jit(gmmvi.init)(config.algorithm, keys[1])
    one_step = jax.jit(gmmvi.step, static_argnums=1)
    for _ in range(7):
        alone, _ = one_step(config.algorithm, ring, alone)
    count = int(alone.mixture.num_components)
    assert list(states.mixture.num_components) == [count, count]
    np.testing.assert_allclose(
        states.mixture.gaussians.mean[1, :count],
        alone.mixture.gaussians.mean[:count],
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.slow  # test_all_variants.py has some of every day
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_the_chunk_lowers_for_accelerators(platform):
    config = growing_config(6)
    state = jax.eval_shape(gmmvi.init, config.algorithm, jax.random.key(0))
    target = jax.tree_util.Partial(ring)
    exported = export.export(run_chunk, platforms=[platform])(
        config.algorithm, target, state, jnp.int32(3), length=5
    )
    module = exported.mlir_module()
    assert exported.platforms == (platform,)
    # No host synchronisation inside a chunk.
    assert "callback" not in module
    assert "infeed" not in module
    assert "outfeed" not in module
