"""Several runs with states of one shape, in one program; they may be spread over devices."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Lowered

from gmmvi_jax.config import Config
from gmmvi_jax.gmm import GMM
from gmmvi_jax.init import init
from gmmvi_jax.numerics.stacked import blocks_of, is_spread
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.training.chunk import run_chunk_of_many
from gmmvi_jax.training.compile_ahead import compile_ahead
from gmmvi_jax.training.runs import Wait, first_state_of, mixture_of
from gmmvi_jax.typing import LogDensity, PRNGKey, PyTree

_start_many = jax.jit(jax.vmap(init, in_axes=(None, 0, None)))


class ManyRuns:
    """Several runs, stacked: a leading axis R on every leaf of their state; see ``Runs``."""

    def __init__(
        self,
        config: Config,
        target: LogDensity,
        seeds: Sequence[int],
        initial: GMM | Sequence[GMM | TrainState] | None,
        vectorized: bool,
        data: PyTree | None = None,
        mesh: Mesh | None = None,
    ) -> None:
        """Prepares runs.

        Args:
            config: of all runs; its own seed is not used.
            target: a callable pytree.
            seeds: one per run.
            initial: a mixture for all, one start for each, or None: where the config says.
            vectorized: whether all runs take their steps at once.
            data: see ``run_chunk_of_many``.
            mesh: of devices over which the runs are spread, as many on each: where their number
                does not divide that of the runs the stacked arrays end with copies of the last one,
                which take no steps.
        """
        self._mesh, self._sharding = mesh, None
        self._num_copies = 0 if mesh is None else -len(seeds) % mesh.size
        if mesh is not None:
            self._sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
        self.configs = [config.replace(seed=seed) for seed in seeds]
        self.keys = [jax.random.key(seed) for seed in seeds]
        if isinstance(initial, Sequence):
            self.starts = [mixture_of(own) for own in initial]
        else:
            self.starts = [initial] * len(seeds)
        self._algorithm, self._target, self._initial = config.algorithm, target, initial
        self._length, self._vectorized = config.run.log_every, vectorized
        self._data = self._spread(jax.tree.map(self._padded, data))

    def start_ahead(self) -> tuple[TrainState, Wait]:
        """Returns the shapes of the first state, and what waits for its program to compile."""
        if isinstance(self._initial, Sequence):
            start = partial(self._joined, self._initial)
            return self._spread_shapes(jax.eval_shape(start)), lambda: None
        traced = _start_many.trace(self._algorithm, self._stacked_keys(), self._initial)
        return self._spread_shapes(traced.out_info), compile_ahead(traced.lower())

    def first_state(self) -> TrainState:
        """Returns a first state that may be donated: the user's own must survive."""
        if not isinstance(self._initial, Sequence):
            return self._spread(_start_many(self._algorithm, self._stacked_keys(), self._initial))
        return self._spread(self._joined(self._initial))

    def _joined(self, initial: Sequence[GMM | TrainState]) -> TrainState:
        starts = zip(self.keys, initial, strict=True)
        return self._stacked([first_state_of(self._algorithm, key, own) for key, own in starts])

    def _stacked(self, states: Sequence[TrainState]) -> TrainState:
        return _stacked([*states, *[states[-1]] * self._num_copies])

    def _stacked_keys(self) -> PRNGKey:
        return self._padded(jnp.stack(self.keys))

    def _padded(self, leaf: Any) -> Any:
        """Returns an array [R, ...] with copies of the last row."""
        return leaf[np.minimum(np.arange(len(leaf) + self._num_copies), len(leaf) - 1)]

    def _spread(self, tree: Any) -> Any:
        """Returns a stacked pytree on its devices."""
        return tree if self._sharding is None else jax.device_put(tree, self._sharding)

    def _spread_shapes(self, shapes: Any) -> Any:
        """Returns the shapes of a stacked pytree with the devices that it will be on."""
        if self._sharding is None:
            return shapes
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._sharding),
            shapes,
        )

    def lower_steps(self, shapes: TrainState) -> Lowered:
        """Returns the program of a chunk of steps, not compiled yet."""
        count = jax.ShapeDtypeStruct((), jnp.int32)
        size = len(self.keys) + self._num_copies
        is_live = self._spread_shapes(jax.ShapeDtypeStruct((size,), jnp.bool_))
        return run_chunk_of_many.lower(*self._arguments(shapes, count, is_live))

    def take_steps(
        self, state: TrainState, num_steps: int, is_live: Sequence[bool]
    ) -> tuple[TrainState, StepInfo]:
        """Takes some steps of the runs that go on, one at least; donates the state."""
        all_live = self._spread(jnp.asarray([*is_live, *[False] * self._num_copies]))
        count = jnp.asarray(num_steps, jnp.int32)
        return run_chunk_of_many(*self._arguments(state, count, all_live))

    def _arguments(self, state: TrainState, num_steps: Any, is_live: Any) -> tuple[Any, ...]:
        problem = (self._algorithm, self._target, self._data)
        return (*problem, state, num_steps, is_live, self._length, self._vectorized, self._mesh)

    def split(self, tree: Any) -> list[Any]:
        """Returns the parts of a pytree, one per run."""
        leaves = jax.tree.leaves(tree)
        if all(map(is_spread, leaves)):
            count = len(leaves[0]) // len(leaves[0].devices())
            rows = [divmod(index, count) for index in range(len(self.keys))]
            blocks = blocks_of(tree)
            return [_row_on_device(blocks[device], index) for device, index in rows]
        row = _row_on_device if all(isinstance(leaf, jax.Array) for leaf in leaves) else _row
        return [row(tree, index) for index in range(len(self.keys))]

    def copies(self, state: TrainState) -> list[TrainState]:
        """Returns the parts of the state: they are arrays of their own."""
        return self.split(state)

    def join(self, states: Sequence[TrainState]) -> TrainState:
        """Returns one state of those of the runs.

        Raises:
            ValueError: their arrays differ in shape.
        """
        return self._spread(self._stacked(states))

    def without_copies(self, state: TrainState) -> TrainState:
        """Returns a state of the runs alone; on one device, if there are copies in the other."""
        return _stacked(self.split(state)) if self._num_copies else state


def _stacked(states: Sequence[TrainState]) -> TrainState:
    shapes = [[leaf.shape for leaf in jax.tree.leaves(state)] for state in states]
    for index, own in enumerate(shapes):
        if own != shapes[0]:
            raise ValueError(
                f"initial[{index}] and initial[0] lead to states of different shapes; states "
                f"of runs with the same config have the same."
            )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)


def _row(tree: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)


_row_on_device = jax.jit(_row)  # one program, where indexing takes one for every shape
