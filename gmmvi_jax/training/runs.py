"""What is asked of one run or several in one program, and one run: first state and steps."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.stages import Lowered

from gmmvi_jax.config import Config
from gmmvi_jax.gmm import GMM
from gmmvi_jax.init import init
from gmmvi_jax.numerics.exact_counter import counter_at
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.training.chunk import run_chunk
from gmmvi_jax.training.compile_ahead import compile_ahead
from gmmvi_jax.training.shared_run import everywhere, here, shapes_everywhere
from gmmvi_jax.typing import LogDensity, PRNGKey

Wait: TypeAlias = Callable[[], None]
_start = jax.jit(init)


@jax.jit
def copied(state: TrainState) -> TrainState:
    """Returns a copy of a state, which survives when the state is donated."""
    return jax.tree.map(jnp.copy, state)


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

    def take_steps(
        self, state: TrainState, num_steps: int, is_live: Sequence[bool]
    ) -> tuple[TrainState, StepInfo]:
        """Takes some steps of the runs that go on, one at least; donates the state."""
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

    def without_copies(self, state: TrainState) -> TrainState:
        """Returns the state of the runs alone, if it holds more."""
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
        self.starts = (mixture_of(initial),)
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
        state = first_state_of(self._algorithm, self.keys[0], self._initial)
        if isinstance(self._initial, TrainState):
            return state
        return state._replace(num_target_evaluations=counter_at(self._num_evaluations))

    def lower_steps(self, shapes: TrainState) -> Lowered:
        """Returns the program of a chunk of steps, not compiled yet."""
        count = jax.ShapeDtypeStruct((), jnp.int32)
        shapes, count = shapes_everywhere((shapes, count), self._mesh)
        return run_chunk.lower(*self._problem, shapes, count, self._length, self._mesh)

    def take_steps(
        self, state: TrainState, num_steps: int, is_live: Sequence[bool]
    ) -> tuple[TrainState, StepInfo]:
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

    def without_copies(self, state: TrainState) -> TrainState:
        """Returns the state."""
        return state


def mixture_of(initial: GMM | TrainState | None) -> GMM | None:
    """Returns the mixture that a run starts from, None where the config says."""
    return initial.gmm() if isinstance(initial, TrainState) else initial


def first_state_of(algorithm: Any, key: PRNGKey, initial: GMM | TrainState | None) -> TrainState:
    """Returns the first state of a run, which may be donated."""
    if isinstance(initial, TrainState):
        return copied(initial)
    return _start(algorithm, key, initial)
