"""One iteration of the framework: the only file that calls all seven modules.

Source: Arenz, Dahlinger, Ye, Volpp, Neumann, "A Unified Perspective on Natural Gradient
Variational Inference with Gaussian Mixture Models", TMLR 2023, Algorithm 1.
"""

from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Algorithm, require_algorithm
from gmmvi_jax.modules.records import Memories
from gmmvi_jax.requirements import require_function
from gmmvi_jax.state import StepInfo, TrainState, check_carry, require_state
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
    _check_arguments(algorithm, log_target, state)
    key_select, key_adapt, key_next = jax.random.split(state.rng_key, 3)
    iteration = state.iteration + 1
    mixture, components, old = state.mixture, state.components, state.memories
    temperature = jnp.asarray(algorithm.temperature(iteration), mixture.log_weights.dtype)

    # M, P: the samples of this iteration.
    database, account = algorithm.sample_selector(key_select, log_target, mixture, state.database)
    # R, D, F: how far each component may go.
    components, of_component_stepsize = algorithm.component_stepsize(
        mixture, components, old.component_stepsize
    )
    # S, Z: where it should go.
    gradient, of_gradient, log_background = algorithm.natural_gradient(
        mixture, components, old.natural_gradient, database, temperature, state.gradient
    )
    # T, Y, I: it goes.
    mixture, components, of_component_updater, update = algorithm.component_updater(
        mixture, components, old.component_updater, gradient, temperature
    )
    # N, G, X: how far the weights may go.
    stepsize, of_weight_stepsize = algorithm.weight_stepsize(
        mixture, components, old.weight_stepsize, temperature
    )
    # O, U: they go.
    mixture, components, of_weight_updater, database = algorithm.weight_updater(
        mixture, components, old.weight_updater, database, log_background, stepsize, temperature
    )
    # What a fit returns of it.
    of_iterate_averaging = algorithm.iterate_averaging(
        state.mixture, mixture, components, old.iterate_averaging
    )
    memories = Memories(
        natural_gradient=of_gradient,
        component_adaptation=old.component_adaptation,
        component_updater=of_component_updater,
        component_stepsize=of_component_stepsize,
        weight_updater=of_weight_updater,
        weight_stepsize=of_weight_stepsize,
        iterate_averaging=of_iterate_averaging,
    )
    check_carry(algorithm, state, mixture, components, memories, gradient)
    # A, E: components come and go.
    adapted = algorithm.component_adaptation(
        key_adapt,
        log_target,
        mixture,
        components,
        memories,
        algorithm.newborn(state.mixture),
        database.archive,
        temperature,
        iteration,
    )

    info = StepInfo.of(mixture, components, stepsize, account, update, adapted)
    return state.advance(key_next, adapted, database, gradient, info), info


def _check_arguments(algorithm: Any, log_target: Any, state: Any) -> None:
    """Raises TypeError where one of them is something else."""
    require_algorithm(algorithm)
    require_function("log_target", log_target, " of one point [D]")
    require_state("state", state)
