"""Reference samples of targets with many modes: adaptive tempered sequential Monte Carlo."""

import functools
from collections.abc import Callable
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.smc import adaptive_tempered, resampling, tempered

from gmmvi_jax.typing import Array, PRNGKey

# A stage goes as far as leaves this share of the particles effective.
TARGET_ESS = 0.9
# Step sizes follow the temperature: the log of the step moves by the gain times what the mean
# acceptance differs from the goal. They shrink as modes get narrower, so it settles some 0.1 below.
GOAL_ACCEPTANCE = 0.9
STEP_GAIN = 1.5
FIRST_STEP = 0.3  # in standard deviations of the particles
# Steps are drawn from this share of the largest to the largest, one for each particle and stage:
# no period of the dynamics can then agree with the length of all trajectories.
LEAST_STEP = 0.5
MAX_STAGES = 500


def start_from_prior(
    target: Any, key: PRNGKey, num_particles: int
) -> tuple[tuple[Array, Array], Any]:
    """Returns prior_mean and prior_scale, and blackjax's state of particles drawn from that.

    Args:
      target: a callable pytree; may not be able to tell its prior while it is traced.
      key: PRNG key of the run; number 0 of it is used, the stages count from 1.
      num_particles: N.
    """
    prior = jnp.asarray(target.prior_mean), jnp.asarray(target.prior_scale)
    noise = jax.random.normal(jax.random.fold_in(key, 0), (num_particles, target.dim))
    state = adaptive_tempered.init(prior[0] + prior[1] * noise)
    return prior, state._replace(tempering_param=jnp.zeros(()))


@functools.partial(jax.jit, static_argnames=("num_moves", "trajectory", "tempering"))
def run_stage(
    target: Any,
    prior: tuple[Array, Array],
    key: PRNGKey,
    state: Any,
    step_size: Array,
    num_moves: int,
    trajectory: int,
    tempering: bool,
) -> tuple[Any, Array, Array]:
    """Resample, move by HMC, and weight for the next temperature.

    The path leads from N(prior_mean, prior_scale^2) to the target.

    Args:
      target: a callable pytree.
      prior: prior_mean and prior_scale, see ``start_from_prior``.
      key: PRNG key.
      state: blackjax's: particles, weights, temperature.
      step_size: largest step of the integrator, in units of the particles' standard deviations.
      num_moves: HMC transitions.
      trajectory: integrator steps of each.
      tempering: whether to go on to the next temperature, or to stay.

    Returns:
      The state, the increment of log Z, and the mean acceptance.
    """
    prior_mean, prior_scale = prior

    def log_start(x: Array) -> Array:
        return jnp.sum(jax.scipy.stats.norm.logpdf(x, prior_mean, prior_scale))

    parts = (
        log_start,
        lambda x: target(x) - log_start(x),
        functools.partial(blackjax.hmc.build_kernel(), num_integration_steps=trajectory),
        blackjax.hmc.init,
        resampling.systematic,
    )
    key_steps, key_stage = jax.random.split(key)
    num_particles = state.weights.shape[0]
    mean = state.weights @ state.particles
    variances = state.weights @ (state.particles - mean) ** 2
    parameters = {
        "step_size": step_size
        * jax.random.uniform(key_steps, (num_particles,), minval=LEAST_STEP, maxval=1.0),
        "inverse_mass_matrix": variances[None],  # the leading 1: shared by all particles
    }
    kernel: Callable[..., Any]
    if tempering:
        kernel = adaptive_tempered.build_kernel(*parts, TARGET_ESS)
        state, info = kernel(key_stage, state, num_moves, parameters)
    else:
        kernel = tempered.build_kernel(*parts)
        state, info = kernel(key_stage, state, num_moves, state.tempering_param, parameters)
    return state, info.log_likelihood_increment, jnp.mean(info.update_info.acceptance_rate)


def run_smc(
    target: Any,
    seed: int,
    num_particles: int,
    num_moves: int,
    trajectory: int,
    num_final: int,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Sample a target in double precision.

    Args:
      target: a callable pytree.
      seed: of the run.
      num_particles: N.
      num_moves: HMC transitions per temperature.
      trajectory: integrator steps of each.
      num_final: times `num_moves` transitions at temperature 1, after the last resampling.

    Returns:
      The particles [N, D], equally weighted, and what the run says about itself.

    Raises:
      FloatingPointError: no next temperature was found.
    """
    settings = {"num_moves": num_moves, "trajectory": trajectory}
    with jax.enable_x64(True):
        key = jax.random.key(seed)
        prior, state = start_from_prior(target, key, num_particles)
        log_z, step_size = 0.0, FIRST_STEP
        acceptances: list[float] = []
        while float(state.tempering_param) < 1.0 and len(acceptances) < MAX_STAGES:
            stage_key = jax.random.fold_in(key, 1 + len(acceptances))
            state, increment, acceptance = run_stage(
                target, prior, stage_key, state, jnp.asarray(step_size), **settings, tempering=True
            )
            log_z += float(increment)
            acceptances.append(float(acceptance))
            step_size *= np.exp(STEP_GAIN * (acceptances[-1] - GOAL_ACCEPTANCE))
            if not np.isfinite(float(state.tempering_param)):
                break
        if float(state.tempering_param) != 1.0:
            raise FloatingPointError(
                f"tempering {target.name} stopped at {float(state.tempering_param)} after "
                f"{len(acceptances)} stages; take more particles or moves"
            )
        final_acceptances: list[float] = []
        for i in range(num_final):
            stage_key = jax.random.fold_in(key, 1 + len(acceptances) + i)
            state, _, acceptance = run_stage(
                target, prior, stage_key, state, jnp.asarray(step_size), **settings, tempering=False
            )
            final_acceptances.append(float(acceptance))
            step_size *= np.exp(STEP_GAIN * (final_acceptances[-1] - GOAL_ACCEPTANCE))
    return np.asarray(state.particles), {
        "log_z": log_z,
        "num_temperatures": len(acceptances),
        "least_acceptance": min(acceptances[1:] + final_acceptances),
        "final_step_size": float(step_size),
    }
