"""Compiled chunks of steps: a loop over ``step`` for one or several runs."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from gmmvi_jax.config import Algorithm
from gmmvi_jax.densities.of_data import of_data
from gmmvi_jax.numerics.blocks import put_row
from gmmvi_jax.numerics.devices import from_first, shared
from gmmvi_jax.state import StepInfo, TrainState, empty_info
from gmmvi_jax.step import step
from gmmvi_jax.typing import Array, LogDensity, PyTree


def _take_steps(
    algorithm: Algorithm, log_target: LogDensity, num_steps: Array, length: int, state: TrainState
) -> tuple[TrainState, StepInfo]:
    blank = empty_info(state)  # jax.eval_shape of the step would trace it again, for half a second
    infos = jax.tree.map(lambda leaf: jnp.zeros((length, *leaf.shape), leaf.dtype), blank)

    def advance(index: Array, carry: tuple[TrainState, StepInfo]) -> tuple[TrainState, StepInfo]:
        state, info = step(algorithm, log_target, carry[0])
        return state, put_row(carry[1], info, index)

    # Its length is traced: a scan would need a step that may be skipped, and compiles longer.
    return lax.fori_loop(0, num_steps, advance, (state, infos))


@partial(jax.jit, static_argnames=("length", "mesh"), donate_argnames="state")
def run_chunk(
    algorithm: Algorithm,
    log_target: LogDensity,
    state: TrainState,
    num_steps: Array,
    length: int,
    mesh: Mesh | None = None,
) -> tuple[TrainState, StepInfo]:
    """Takes ``num_steps`` steps; full chunks and the last, partial one share a program.

    Args:
        algorithm: the seven choices.
        log_target: a callable pytree.
        state: donated.
        num_steps: [] int32, at most ``length``.
        length: rows of the infos.
        mesh: of devices that share each step, see ``numerics.devices``; each holds all arguments,
            but for a target's data that are divided over them. None: one device.

    Returns:
        The state, and [length] infos with zeros beyond ``num_steps``.
    """

    def run(
        algorithm: Algorithm, log_target: LogDensity, num_steps: Array, state: TrainState
    ) -> tuple[TrainState, StepInfo]:
        state, infos = _take_steps(algorithm, log_target, num_steps, length, state)
        # Not the archive, which is large, and of which nothing but a choice of candidates depends.
        small = state._replace(database=state.database._replace(archive=None))
        small = from_first(small)
        archive = state.database.archive
        return small._replace(database=small.database._replace(archive=archive)), infos

    return shared(run, mesh)(algorithm, log_target, num_steps, state)


@partial(jax.jit, static_argnames=("length", "vectorized", "mesh"), donate_argnames="states")
def run_chunk_of_many(
    algorithm: Algorithm,
    log_target: LogDensity,
    data: PyTree | None,
    states: TrainState,
    num_steps: Array,
    is_live: Array,
    length: int,
    vectorized: bool,
    mesh: Mesh | None = None,
) -> tuple[TrainState, StepInfo]:
    """Takes ``num_steps`` steps of those of several runs that go on; see ``run_chunk``.

    Args:
        algorithm: the seven choices, shared.
        log_target: a callable pytree; with data a ``DataTarget``, or a ``PytreeTarget`` of one.
        data: a data set for each run, a leading axis R on every leaf; None: the target has none.
        states: stacked, a leading axis R on every leaf; donated.
        num_steps: [] int32, at most ``length``.
        is_live: [R] bool, which runs go on; the states of the others stay as they are.
        length: rows of the infos.
        vectorized: run all at once (``vmap``) instead of one after another (``lax.map``).
        mesh: of devices over which the runs are spread, as many on each; None: one device.

    Returns:
        The states, and [R, length] infos.
    """

    def run_all(
        algorithm: Algorithm,
        log_target: LogDensity,
        data: PyTree | None,
        states: TrainState,
        num_steps: Array,
        is_live: Array,
    ) -> tuple[TrainState, StepInfo]:
        def run(
            data: PyTree | None, state: TrainState, count: Array
        ) -> tuple[TrainState, StepInfo]:
            return _take_steps(algorithm, of_data(log_target, data), count, length, state)

        if vectorized:
            advanced, infos = jax.vmap(run, in_axes=(0, 0, None))(data, states, num_steps)
            return jax.tree.map(partial(_where_live, is_live), advanced, states), infos
        counts = jnp.where(is_live, num_steps, 0)
        return lax.map(lambda each: run(*each), (data, states, counts))

    if mesh is not None:
        own, everywhere = PartitionSpec(mesh.axis_names), PartitionSpec()
        # By hand, since the partitioner would make all devices agree on the length of every loop.
        run_all = jax.shard_map(
            run_all,
            mesh=mesh,
            in_specs=(everywhere, everywhere, own, own, everywhere, own),
            out_specs=own,
            check_vma=False,
        )
    return run_all(algorithm, log_target, data, states, num_steps, is_live)


def _where_live(is_live: Array, new: Array, old: Array) -> Array:
    return jnp.where(is_live.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def num_compilations() -> int:
    """Returns the number of programs for chunks of steps compiled by this process."""
    compiled: Any = run_chunk
    return compiled._cache_size()
