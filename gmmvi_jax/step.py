"""One iteration of the framework: the only file that calls all seven modules.

Source: Arenz, Dahlinger, Ye, Volpp, Neumann, "A Unified Perspective on Natural Gradient
Variational Inference with Gaussian Mixture Models", TMLR 2023, Algorithm 1.
"""

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Algorithm
from gmmvi_jax.numerics.exact_counter import count_up
from gmmvi_jax.samples.database import look_ahead
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.typing import LogDensity


def step(
    algorithm: Algorithm, log_target: LogDensity, state: TrainState
) -> tuple[TrainState, StepInfo]:
    """Takes one step; pure, to be jitted, scanned and vmapped.

    Args:
        algorithm: the seven choices, a pytree; floats in it are data.
        log_target: unnormalised log density of one point [D].
        state: from ``init`` or an earlier step.

    Returns:
        The next state, and what happened.
    """
    key_select, key_adapt, key_next = jax.random.split(state.rng_key, 3)
    iteration = state.iteration + 1
    temperature = jnp.asarray(algorithm.temperature(iteration), state.mixture.log_weights.dtype)

    database, account = algorithm.sample_selector(
        key_select, log_target, state.mixture, state.database
    )
    components = algorithm.component_stepsize(state.components)
    gradient, components, database = algorithm.natural_gradient(
        state.mixture, components, database, temperature, state.gradient
    )
    mixture, components, update = algorithm.component_updater(
        state.mixture, components, gradient, temperature
    )
    weights = algorithm.weight_stepsize(state.weights, mixture, components, temperature)
    database = look_ahead(database, mixture)
    mixture, components = algorithm.weight_updater(
        mixture, components, database, weights, temperature
    )
    weights = weights._replace(num_updates=weights.num_updates + 1)
    effective_samples = jnp.where(mixture.active, components.effective_samples, jnp.inf)
    mean_stepsize = jnp.sum(jnp.where(mixture.active, components.stepsizes, 0.0))
    mean_stepsize = mean_stepsize / mixture.num_components
    mixture, components, adaptation, adapted = algorithm.component_adaptation(
        key_adapt,
        log_target,
        mixture,
        components,
        state.adaptation,
        database.archive,
        temperature,
        iteration,
    )

    num_evaluations = account.num_drawn + adapted.num_target_evaluations
    info = StepInfo(
        num_components=mixture.num_components,
        num_target_evaluations=num_evaluations,
        samples=account,
        num_rejected_updates=update.num_rejected,
        num_added=adapted.num_added,
        num_deleted=adapted.num_deleted,
        smallest_effective_samples=jnp.min(effective_samples),
        largest_divergence=update.largest_divergence,
        component_stepsize=mean_stepsize,
        weight_stepsize=weights.stepsize,
    )
    next_state = TrainState(
        rng_key=key_next,
        iteration=iteration,
        mixture=mixture,
        components=components,
        weights=weights,
        adaptation=adaptation,
        database=database,
        gradient=gradient,
        num_target_evaluations=count_up(state.num_target_evaluations, num_evaluations),
    )
    return next_state, info
