"""``train``: compiled chunks of steps, and what the host does between them."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax.arguments import Initial, as_callbacks, as_initial, check_call, check_rest
from gmmvi_jax.checkpoint import save_checkpoint
from gmmvi_jax.chunk import run_chunk
from gmmvi_jax.compile_ahead import compile_ahead
from gmmvi_jax.config import Config
from gmmvi_jax.diagnostics import elbo_between_chunks
from gmmvi_jax.gmm import GMM
from gmmvi_jax.history import History, refuse_hopeless, standing_of, summarise, warn
from gmmvi_jax.init import init
from gmmvi_jax.memory import check_memory
from gmmvi_jax.mixture import to_gmm
from gmmvi_jax.numerics.callable_pytree import as_log_density
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.progress import ProgressBar
from gmmvi_jax.result import TrainResult
from gmmvi_jax.sample_exchange import Samples, check_samples, import_samples
from gmmvi_jax.state import TrainState
from gmmvi_jax.target_check import check_target
from gmmvi_jax.targets.pytree import PytreeTarget, on_pytree
from gmmvi_jax.typing import Array, PRNGKey, PyTree
from gmmvi_jax.validation import validate

Callback = Callable[[TrainState, dict[str, Any]], bool | None]
_start = jax.jit(init)


def train(
    config: Config,
    log_target: Callable[..., Array],
    *,
    position: PyTree = None,
    initial: Initial | None = None,
    samples: Samples | None = None,
    rng_key: PRNGKey | int | None = None,
    progress: bool | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
) -> TrainResult:
    """Fits a Gaussian mixture to an unnormalised density.

    The same config gives the same result, bit for bit, on the same machine.

    Args:
        config: from ``samtron``, ``from_codename`` or ``published_config``.
        log_target: unnormalised log density of ONE point [D], a scalar; differentiable by JAX. What
            else it may be (stochastic, on minibatches, a numpy function, with a gradient of
            its own) is in ``gmmvi_jax.targets``. It is evaluated once more than is counted: at the
            first mean, to see that it works.
        position: an example of what ``log_target`` takes, where that is a pytree (a dict of
            arrays, say) and not a vector; ``result.sample`` and ``result.modes`` return that form.
        initial: a mixture to start from, or a state or a result to continue from (for
            ``num_iterations`` more steps; it is copied and brings its own key). Or the path of a
            file with a mixture (``GMM.save``) or a state (``checkpoint``).
        samples: of an earlier run, see ``export_samples``; candidates for new components and, with
            reuse, the first samples.
        rng_key: a PRNG key, or an integer; overrides ``config.run.seed``.
        progress: shows a progress bar on stderr.
        callbacks: one or several, called with the state and the new row of the history after every
            chunk; one that returns True stops the run. The state is valid during the call only.
        checkpoint: file to which the state is written after every chunk; see
            ``load_checkpoint``.

    Returns:
        The fitted mixture, the last state, the history, and how the run ended.

    Raises:
        ValueError, TypeError: the config or the target cannot be right, or they do not fit together
            (a gradient is needed and there is none); see the message.
        FloatingPointError: the target gave no usable value at any sample of a whole chunk.
    """
    start_time = time.perf_counter()
    check_call(config, log_target)
    check_rest(samples, progress, checkpoint)
    callbacks = as_callbacks(callbacks)
    validate(config)
    initial = as_initial(initial, config)
    target = _as_target(log_target, position)
    run = config.run
    key = typed_key(run.seed if rng_key is None else rng_key)
    check_target(target, config, _first_mean(config, initial))
    # The programs compile on threads of their own while the steps are traced, for which the
    # shapes of the state are enough; JAX keeps what comes out of lowering for the first chunk.
    shapes, wait_for_start = _start_ahead(config, key, initial)
    if samples is not None:
        check_samples(shapes, samples)
    estimate_elbo = elbo_between_chunks(config, target, shapes.mixture, key)
    count = jax.ShapeDtypeStruct((), jnp.int32)
    run_chunk.lower(config.algorithm, target, shapes, count, run.log_every)
    wait_for_start()
    state = _initial_state(config, key, initial)
    if samples is not None:
        state = import_samples(state, samples)

    history = History()
    status = "completed"
    num_diagnostic = 0
    remaining = run.num_iterations
    with ProgressBar(run.num_iterations, enabled=bool(progress)) as bar:
        while remaining > 0:
            num_steps = min(run.log_every, remaining)
            state, info = run_chunk(
                config.algorithm, target, state, jnp.asarray(num_steps, jnp.int32), run.log_every
            )
            remaining -= num_steps
            row = summarise(standing_of(state), info, num_steps)
            row |= estimate_elbo(state.mixture, key, row["iteration"])
            num_diagnostic += run.diagnostic_samples
            row["num_diagnostic_evaluations"] = num_diagnostic
            row["wall_time"] = time.perf_counter() - start_time
            history.append(row)
            bar.update(num_steps, row)
            refuse_hopeless(row)
            if checkpoint is not None:
                save_checkpoint(checkpoint, state)
            if any([callback(state, row) for callback in callbacks]):
                status = "stopped by a callback"
                break
    columns = history.columns()
    warn(columns)
    return TrainResult(
        gmm=to_gmm(state.mixture),
        state=state,
        history=columns,
        status=status,
        config=config,
        layout=target.layout if isinstance(target, PytreeTarget) else None,
        target=target,
    )


def _as_target(log_target: Callable[..., Array], position: PyTree) -> Any:
    """Returns the target as a callable pytree of a vector."""
    if position is None:
        return as_log_density(log_target)
    if isinstance(log_target, PytreeTarget):
        raise ValueError("log_target is made by targets.on_pytree already; leave out position.")
    return on_pytree(log_target, position)


def _first_mean(config: Config, initial: GMM | TrainState | None) -> Array:
    """Returns [D] the mean of the first component, in the dtype of the run."""
    if isinstance(initial, TrainState):
        return initial.mixture.gaussians.mean[0]
    if initial is not None:
        return initial.means[0]
    return jnp.asarray(config.algorithm.initial_mixture.prior_mean, jnp.result_type(float))


def _start_ahead(
    config: Config, key: PRNGKey, initial: GMM | TrainState | None
) -> tuple[TrainState, Callable[[], None]]:
    """Returns the shapes of the first state, and what waits for its program."""
    if isinstance(initial, TrainState):
        return initial, lambda: None
    traced = _start.trace(config.algorithm, key, initial)
    check_memory(traced.out_info)
    return traced.out_info, compile_ahead(traced.lower())


def _initial_state(config: Config, key: PRNGKey, initial: GMM | TrainState | None) -> TrainState:
    if isinstance(initial, TrainState):
        # The chunks donate their state; the user's own must survive.
        return jax.tree.map(jnp.copy, initial)
    return _start(config.algorithm, key, initial)
