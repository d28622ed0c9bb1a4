"""Times the steps of one workload: every measurement takes the same steps from the same state."""

import time
from typing import Any

import jax
import jax.numpy as jnp

import gmmvi_jax as gmmvi
from benchmarks.speed.workloads import WARM_UP, Workload
from gmmvi_jax.config import Algorithm, Config
from gmmvi_jax.modules.component_updaters.direct import Direct
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.chunk import run_chunk

REPETITIONS = 7
NEVER = 10**6  # iterations until a component is added


def workload_config(
    workload: Workload, max_components: int, **overrides: Any
) -> tuple[Any, Config]:
    """Returns the target and the config, with other settings than the published ones if given."""
    target: Any = gmmvi.targets.get(workload.target, 0)
    # The study has no settings for choice I: those of choice Y, which has the same ones.
    published = workload.codename.replace("I", "Y")
    if "A" in published:
        overrides = {"add_iters": NEVER} | overrides
    config = gmmvi.published_config(
        published,
        workload.target,
        num_initial_components=workload.components,
        max_components=max(max_components, workload.components),
        diagonal=workload.diagonal,
        **overrides,
    )
    if published != workload.codename:
        config = config.replace(component_updater=Direct())
    return target, config


def workload_problem(workload: Workload, max_components: int) -> tuple[Algorithm, Any]:
    """Returns the algorithm and the target."""
    target, config = workload_config(workload, max_components)
    return config.algorithm, target


def workload_state(workload: Workload, max_components: int) -> tuple[Any, Any, TrainState]:
    """Returns the algorithm, the target and the state before the first step."""
    algorithm, target = workload_problem(workload, max_components)
    return algorithm, target, jax.jit(gmmvi.init)(algorithm, jax.random.key(0))


def step_seconds(workload: Workload, max_components: int) -> dict[str, Any]:
    """Returns the seconds per step, measurement by measurement, and those of compilation."""
    algorithm, target, state = workload_state(workload, max_components)
    steps = workload.num_steps
    start = time.perf_counter()
    chunk = run_chunk.lower(algorithm, target, state, jnp.int32(steps), steps).compile()
    compile_seconds = time.perf_counter() - start
    seconds = time_program(workload, chunk, algorithm, target, state)
    return {"seconds": seconds, "compile_seconds": compile_seconds}


def time_program(
    workload: Workload,
    chunk: Any,
    algorithm: Algorithm,
    target: Any,
    state: TrainState,
    repetitions: int = REPETITIONS,
) -> list[float]:
    """Returns the seconds per step of a compiled chunk of steps, measurement by measurement.

    Args:
        workload: says how many steps the chunk takes, and how many components it must keep.
        chunk: the compiled program.
        algorithm: of the program, as the target is.
        target: the log density.
        state: before the first step; it is gone afterwards.
        repetitions: measurements.
    """
    steps = workload.num_steps
    state, _ = chunk(algorithm, target, state, jnp.int32(min(WARM_UP, steps)))
    jax.block_until_ready(state)
    seconds = []
    for _ in range(repetitions):
        own = jax.block_until_ready(jax.tree.map(jnp.copy, state))  # a chunk eats its state
        start = time.perf_counter()
        after, _ = chunk(algorithm, target, own, jnp.int32(steps))
        jax.block_until_ready(after)
        seconds.append((time.perf_counter() - start) / steps)
        if int(after.mixture.num_components) != workload.components:
            raise AssertionError(f"{workload.name}: the number of components changed")
        del after  # giving back its memory, 300 MB with a reuse window, is not part of a step
    return seconds
