"""What a call of ``train``, ``fit`` or ``train_many`` asks for, checked before any compilation."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.sharding import Mesh

from gmmvi_jax.config import Config
from gmmvi_jax.densities.of_data import of_run
from gmmvi_jax.densities.on_host import on_host
from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.arguments import as_callbacks, as_rules, as_target, check_call, check_rest
from gmmvi_jax.training.compiled_programs import drop_programs_if_many
from gmmvi_jax.training.data_argument import first_of_data
from gmmvi_jax.training.forked import check_process
from gmmvi_jax.training.last_look import LastLook
from gmmvi_jax.training.run_loop import Row
from gmmvi_jax.training.sample_exchange import Samples
from gmmvi_jax.training.stopping import Convergence, StoppingRule
from gmmvi_jax.typing import PyTree
from gmmvi_jax.variants.validation import validate


class Request(NamedTuple):
    """What is to be fitted, checked.

    Attributes:
        config: of all runs.
        target: a callable pytree of a vector; with data that of the first data set.
        layout: of the position, where it is a pytree.
        samples: of an earlier run.
        progress: whether a progress bar is shown.
        callbacks: called with the state and the new rows of the history.
        until: rules that end a run.
        start_time: of the call, by ``time.perf_counter``.
        splitting: rows of the history to how many components there should be, None if there are
            enough; of a single run.
        last_look: at a mixture that has converged; of a single run.
        data: a data set for each run, a leading axis on every leaf; None: the target has none.
        mesh: of devices that share a single run; None: one device.
    """

    config: Config
    target: Any
    layout: PositionLayout | None
    samples: Samples | None
    progress: bool
    callbacks: Sequence[Callable[[TrainState, Any], Any]]
    until: Sequence[StoppingRule]
    start_time: float
    splitting: Callable[[Sequence[Row]], int | None] | None = None
    last_look: LastLook | None = None
    data: PyTree | None = None
    mesh: Mesh | None = None

    def targets(self, count: int) -> list[Any]:
        """Returns the target of each of ``count`` runs."""
        return [of_run(self.target, self.data, index) for index in range(count)]


def check_request(
    config: Any,
    log_target: Any,
    samples: Any,
    progress: Any,
    callbacks: Any,
    until: Any = (),
    data: PyTree | None = None,
) -> Request:
    """Returns what a call of ``train`` or ``train_many`` asks for.

    Args:
        config: of all runs.
        log_target: as the user gave it, as are those that follow.
        samples: of an earlier run.
        progress: whether a progress bar is shown.
        callbacks: one function or several.
        until: one rule or several.
        data: of all runs, checked.

    Raises:
        TypeError, ValueError, OSError: an argument cannot be right; nothing was compiled for it.
        RuntimeError: the process was forked from one in which JAX has run.
    """
    start_time = time.perf_counter()
    check_process()
    drop_programs_if_many()
    on_host(jnp.zeros(()))  # traced under jax.jit
    check_call(config, log_target)
    check_rest(samples, progress)
    callbacks, rules = as_callbacks(callbacks), as_rules(until)
    validate(config)
    target = as_target(log_target if data is None else first_of_data(log_target, data), config)
    layout = target.layout if isinstance(target, PytreeTarget) else None
    if not config.run.diagnostic_samples and any(isinstance(r, Convergence) for r in rules):
        raise ValueError(
            "until=Convergence() follows the ELBO between chunks, which diagnostic_samples=0 turns "
            "off; draw some."
        )
    return Request(
        config, target, layout, samples, bool(progress), callbacks, rules, start_time, data=data
    )
