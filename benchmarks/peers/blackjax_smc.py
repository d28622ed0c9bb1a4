"""BlackJAX: adaptive tempered SMC with HMC moves. Particles and log Z: no ELBO."""

from typing import Any

import numpy as np

from benchmarks.peers.blackjax_nuts import resampled
from benchmarks.problem import Problem


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it to temperature 1 with as many particles as asked, or until the time is up.

    It has no use for more evaluations than that takes. A snapshot is taken at every temperature;
    only the last is of the target.

    Settings: ``num_particles``, ``num_moves`` per temperature, ``trajectory`` in integrator steps.
    """
    import jax
    import jax.numpy as jnp

    from benchmarks.builders.smc import (
        FIRST_STEP,
        GOAL_ACCEPTANCE,
        STEP_GAIN,
        run_stage,
        start_from_prior,
    )

    settings, target = problem.settings, problem.target
    num_particles = settings.get("num_particles", 2_000)
    num_moves, trajectory = settings.get("num_moves", 2), settings.get("trajectory", 5)
    key = jax.random.key(problem.seed)
    prior, state = start_from_prior(target, key, num_particles)
    log_z, step_size, stages, over = 0.0, FIRST_STEP, 0, False
    while float(state.tempering_param) < 1.0 and not over:
        stages += 1
        state, increment, acceptance = run_stage(
            target,
            prior,
            jax.random.fold_in(key, stages),
            state,
            jnp.asarray(step_size),
            num_moves,
            trajectory,
            tempering=True,
        )
        log_z += float(increment)
        step_size *= float(np.exp(STEP_GAIN * (float(acceptance) - GOAL_ACCEPTANCE)))
        over = problem.take(
            stages,
            # One value before the first step of a move, and one for its particle's weight.
            stages * num_particles * (num_moves * (trajectory + 1) + 1),
            resampled(np.asarray(state.particles)),
            temperature=float(state.tempering_param),
            log_z=log_z,
        )
    return {"log_z": log_z, "temperature": float(state.tempering_param), "stages": stages}
