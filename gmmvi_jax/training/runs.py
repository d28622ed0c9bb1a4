"""One run, or several of the same config in one program: their first state and their steps."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Lowered

from gmmvi_jax.config import Config
from gmmvi_jax.gmm import GMM
from gmmvi_jax.init import init
from gmmvi_jax.numerics.exact_counter import counter_at
from gmmvi_jax.numerics.stacked import blocks_of, is_spread
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.training.chunk import run_chunk, run_chunk_of_many
from gmmvi_jax.training.compile_ahead import compile_ahead
from gmmvi_jax.training.shared_run import everywhere, here, shapes_everywhere
from gmmvi_jax.typing import LogDensity, PRNGKey, PyTree

Wait: TypeAlias = Callable[[], None]
_start = jax.jit(init)


@jax.jit
def copied(state: TrainState) -> TrainState:
    """Returns a copy of a state, which survives when the state is donated."""
    return jax.tree.map(jnp.copy, state)


_start_many = jax.jit(jax.vmap(init, in_axes=(None, 0, None)))


class Runs(Protocol):
    """What ``launch`` asks of its runs. A state holds all of them."""

    @property
    def configs(self) -> Sequence[Config]:
        """One per run, with its seed."""
        ...

    @property
    def keys(self) -> Sequence[PRNGKey]:
        """One per run."""
        ...

    @property
    def starts(self) -> Sequence[GMM | None]:
        """One per run, the mixture that it starts from; None: the config's."""
        ...

    def start_ahead(self) -> tuple[TrainState, Wait]:
        """Returns the shapes of the first state, and what waits for its program to compile."""
        ...

    def first_state(self) -> TrainState:
        """Returns a first state that may be donated."""
        ...

    def lower_steps(self, shapes: TrainState) -> Lowered:
        """Returns the program of a chunk of steps, not compiled yet."""
        ...

    def take_steps(self, state: TrainState, num_steps: int) -> tuple[TrainState, StepInfo]:
        """Takes some steps; donates the state."""
        ...

    def split(self, tree: Any) -> list[Any]:
        """Returns the parts of a pytree, one per run."""
        ...

    def copies(self, state: TrainState) -> list[TrainState]:
        """Returns the states of the runs, which survive when the one of all is donated."""
        ...

    def join(self, states: Sequence[TrainState]) -> TrainState:
        """Returns one state of those of the runs."""
        ...


class OneRun:
    """A single run; see ``Runs``."""

    def __init__(
        self,
        config: Config,
        target: LogDensity,
        key: PRNGKey,
        initial: GMM | TrainState | None,
        num_evaluations: int = 0,
        mesh: Mesh | None = None,
    ) -> None:
        """Prepares a run.

        Args:
            config: of the run.
            target: a callable pytree.
            key: of the run; not used with a state.
            initial: a mixture or a state to start from; None: where the config says.
            num_evaluations: of the target so far, for the run's count; not used with a state.
            mesh: of devices that share the run; None: one device.
        """
        self._mesh = mesh
        self._problem = everywhere((config.algorithm, target), mesh)
        self._num_evaluations = num_evaluations
        self.configs, self.keys = (config,), (key,)
        self.starts = (_mixture_of(initial),)
        self._algorithm, self._initial = config.algorithm, initial
        self._length = config.run.log_every

    def start_ahead(self) -> tuple[TrainState, Wait]:
        """Returns the shapes of the first state, and what waits for its program to compile."""
        if isinstance(self._initial, TrainState):
            return self._initial, lambda: None
        traced = _start.trace(self._algorithm, self.keys[0], self._initial)
        return traced.out_info, compile_ahead(traced.lower())

    def first_state(self) -> TrainState:
        """Returns a first state that may be donated: the user's own must survive."""
        state = _first_state(self._algorithm, self.keys[0], self._initial)
        if isinstance(self._initial, TrainState):
            return state
        return state._replace(num_target_evaluations=counter_at(self._num_evaluations))

    def lower_steps(self, shapes: TrainState) -> Lowered:
        """Returns the program of a chunk of steps, not compiled yet."""
        count = jax.ShapeDtypeStruct((), jnp.int32)
        shapes, count = shapes_everywhere((shapes, count), self._mesh)
        return run_chunk.lower(*self._problem, shapes, count, self._length, self._mesh)

    def take_steps(self, state: TrainState, num_steps: int) -> tuple[TrainState, StepInfo]:
        """Takes some steps; donates the state."""
        state, count = everywhere((state, jnp.asarray(num_steps, jnp.int32)), self._mesh)
        return here(run_chunk(*self._problem, state, count, self._length, self._mesh), self._mesh)

    def split(self, tree: Any) -> list[Any]:
        """Returns the parts of a pytree, one per run."""
        return [tree]

    def copies(self, state: TrainState) -> list[TrainState]:
        """Returns a copy of the state."""
        return [copied(state)]

    def join(self, states: Sequence[TrainState]) -> TrainState:
        """Returns one state of those of the runs."""
        return states[0]


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
            mesh: of devices over which the runs are spread; their number divides that of the runs.
        """
        self._mesh, self._sharding = mesh, None
        if mesh is not None:
            self._sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
        self.configs = [config.replace(seed=seed) for seed in seeds]
        self.keys = [jax.random.key(seed) for seed in seeds]
        if isinstance(initial, Sequence):
            self.starts = [_mixture_of(own) for own in initial]
        else:
            self.starts = [initial] * len(seeds)
        self._algorithm, self._target, self._initial = config.algorithm, target, initial
        self._length, self._vectorized = config.run.log_every, vectorized
        self._data = self._spread(data)

    def start_ahead(self) -> tuple[TrainState, Wait]:
        """Returns the shapes of the first state, and what waits for its program to compile."""
        if isinstance(self._initial, Sequence):
            start = partial(self._joined, self._initial)
            return self._spread_shapes(jax.eval_shape(start)), lambda: None
        traced = _start_many.trace(self._algorithm, jnp.stack(self.keys), self._initial)
        return self._spread_shapes(traced.out_info), compile_ahead(traced.lower())

    def first_state(self) -> TrainState:
        """Returns a first state that may be donated: the user's own must survive."""
        if not isinstance(self._initial, Sequence):
            return self._spread(_start_many(self._algorithm, jnp.stack(self.keys), self._initial))
        return self._spread(self._joined(self._initial))

    def _joined(self, initial: Sequence[GMM | TrainState]) -> TrainState:
        starts = zip(self.keys, initial, strict=True)
        return _stacked([_first_state(self._algorithm, key, own) for key, own in starts])

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
        return run_chunk_of_many.lower(*self._arguments(shapes, count))

    def take_steps(self, state: TrainState, num_steps: int) -> tuple[TrainState, StepInfo]:
        """Takes some steps; donates the state."""
        return run_chunk_of_many(*self._arguments(state, jnp.asarray(num_steps, jnp.int32)))

    def _arguments(self, state: TrainState, num_steps: Any) -> tuple[Any, ...]:
        problem = (self._algorithm, self._target, self._data)
        return (*problem, state, num_steps, self._length, self._vectorized, self._mesh)

    def split(self, tree: Any) -> list[Any]:
        """Returns the parts of a pytree, one per run."""
        leaves = jax.tree.leaves(tree)
        if all(map(is_spread, leaves)):
            count = len(self.keys) // len(leaves[0].devices())
            blocks = blocks_of(tree)
            return [_row_on_device(block, index) for block in blocks for index in range(count)]
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
        return self._spread(_stacked(states))


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


def _mixture_of(initial: GMM | TrainState | None) -> GMM | None:
    return initial.gmm() if isinstance(initial, TrainState) else initial


def _first_state(algorithm: Any, key: PRNGKey, initial: GMM | TrainState | None) -> TrainState:
    if isinstance(initial, TrainState):
        return copied(initial)
    return _start(algorithm, key, initial)
