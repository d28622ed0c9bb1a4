"""Methods of many small steps: compiled in chunks, a snapshot after each."""

from collections.abc import Callable
from typing import Any

import jax

from benchmarks.problem import Draw, Problem

STEPS_PER_CHUNK = 200


def run_steps(
    problem: Problem,
    step: Callable[[Any, Any], Any],
    state: Any,
    evaluations_per_step: int,
    draw_of: Callable[[Any], Draw],
) -> int:
    """Takes steps until the problem's limits; returns how many.

    Args:
        problem: whose limits hold, and which takes the snapshots.
        step: (state, key) -> state.
        state: to start from, a pytree of arrays.
        evaluations_per_step: of the target.
        draw_of: the draw function of a state.
    """
    length = problem.settings.get("steps_per_chunk", STEPS_PER_CHUNK)

    @jax.jit
    def chunk(state: Any, key: Any) -> Any:
        keys = jax.random.split(key, length)
        return jax.lax.scan(lambda state, key: (step(state, key), None), state, keys)[0]

    key = jax.random.key(problem.seed)
    taken, over = 0, False
    while not over:
        state = jax.block_until_ready(chunk(state, jax.random.fold_in(key, taken)))
        taken += length
        over = problem.take(taken, taken * evaluations_per_step, draw_of(state))
    return taken
