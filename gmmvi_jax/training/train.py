"""``train``: compiled chunks of steps, and what the host does between them."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Config
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.densities.repeated_functions import warn_of_repeats
from gmmvi_jax.gmm import GMM
from gmmvi_jax.init import init
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.training.arguments import (
    Initial,
    as_callbacks,
    as_initial,
    as_target,
    check_call,
    check_rest,
)
from gmmvi_jax.training.checkpoint import save_checkpoint
from gmmvi_jax.training.chunk import run_chunk
from gmmvi_jax.training.compile_ahead import compile_ahead
from gmmvi_jax.training.elbo_between_chunks import Estimate, elbo_between_chunks
from gmmvi_jax.training.history import run_counters, summarise
from gmmvi_jax.training.interrupts import call_on_thread, catch_interrupts, wait_for
from gmmvi_jax.training.memory import check_memory
from gmmvi_jax.training.progress import ProgressBar
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.run_loop import Chunks, Summaries, run_chunks
from gmmvi_jax.training.sample_exchange import Samples, check_samples, import_samples
from gmmvi_jax.training.watch import start_watch
from gmmvi_jax.typing import Array, LogDensity, PRNGKey, PyTree
from gmmvi_jax.variants.validation import validate

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
            its own) is in ``gmmvi_jax.densities``. Before anything is compiled it is evaluated at
            the first mean and at eight draws of the initial mixture, to see that it works; these
            count as diagnostic evaluations.
        position: an example of what ``log_target`` takes, where that is a pytree (a dict of arrays,
            say) and not a vector, and the config was not made from one; ``result.sample`` and
            ``result.modes`` return that form.
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
        The fitted mixture, the last state, the history, and how the run ended. Once a chunk is
        complete nothing is lost: Ctrl-C ends the run after the chunk (a second one leaves at once),
        and an error ends it with status "failed" and the result so far; a warning says so, and
        ``result.raise_for_status()`` raises it.

    Raises:
        ValueError, TypeError: the config or the target cannot be right, or they do not fit together
            (a gradient is needed and there is none); or no sample of the first chunk lies in the
            support; see the message.
        FloatingPointError: the target gave no usable value at any sample of the first chunk.
        KeyboardInterrupt: Ctrl-C before the first chunk started, or twice.
    """
    start_time = time.perf_counter()
    check_call(config, log_target)
    check_rest(samples, progress, checkpoint)
    callbacks = as_callbacks(callbacks)
    validate(config)
    initial = as_initial(initial, config)
    target = as_target(log_target, position, config)
    warn_of_repeats(target)
    layout = target.layout if isinstance(target, PytreeTarget) else None
    start = initial.gmm() if isinstance(initial, TrainState) else initial
    key = typed_key(config.run.seed if rng_key is None else rng_key)
    with catch_interrupts() as interrupts:
        watch = start_watch(config, target, start, layout)
        state, estimate_elbo = _compile(config, target, key, initial, samples)
        with ProgressBar(config.run.num_iterations, enabled=bool(progress)) as bar:

            def summarise_run(state: TrainState, info: StepInfo, num_steps: int) -> Summaries:
                row = summarise(run_counters(state), info, num_steps)
                row |= estimate_elbo(state.mixture, key, row["iteration"])
                ending = watch(state, state.gmm(), row)
                watch.num_evaluations += config.run.diagnostic_samples
                row["num_diagnostic_evaluations"] = watch.num_evaluations
                row["wall_time"] = time.perf_counter() - start_time
                bar.update(num_steps, row)
                return [(row, ending)]

            def follow_up(state: TrainState, rows: Sequence[dict[str, Any]]) -> bool:
                if checkpoint is not None:
                    save_checkpoint(checkpoint, state)
                return any([callback(state, rows[0]) for callback in callbacks])

            chunks = Chunks(
                advance=partial(_advance, config, target, watch.target_calls_host),
                mixtures=lambda state: [state.gmm()],
                summarise=summarise_run,
                follow_up=follow_up,
                may_raise=watch.target_calls_host,
            )
            interrupts.defer()
            outcome = run_chunks(chunks, state, config.run, 1, interrupts)
    (ending,), (history,) = outcome.endings, outcome.histories
    ending = watch.conclude(ending, history.last, config.run.diagnostic_samples)
    ending.warn()
    return TrainResult(
        gmm=outcome.state.gmm(),
        state=outcome.state,
        history=history.columns(),
        status=ending.status,
        config=config,
        layout=layout,
        target=target,
        previous=outcome.previous[0],
        ending=ending,
    )


def _compile(
    config: Config,
    target: LogDensity,
    key: PRNGKey,
    initial: GMM | TrainState | None,
    samples: Samples | None,
) -> tuple[TrainState, Estimate]:
    """Returns the first state and what estimates the ELBO; all programs are compiled."""
    # The programs compile on threads of their own while the steps are traced, for which the
    # shapes of the state are enough; JAX keeps what comes out of lowering for the first chunk. The
    # main thread waits in Python, where Ctrl-C is heard.
    shapes, wait_for_start = _start_ahead(config, key, initial)
    if samples is not None:
        check_samples(shapes, samples)
    estimate_elbo = elbo_between_chunks(config, target, shapes.mixture, key)
    count = jax.ShapeDtypeStruct((), jnp.int32)
    length = config.run.log_every
    steps = run_chunk.lower(config.algorithm, target, shapes, count, length)
    wait_for_steps = compile_ahead(steps)
    wait_for_start()
    state = _initial_state(config, key, initial)
    if samples is not None:
        state = import_samples(state, samples)
    wait_for_steps()
    return state, estimate_elbo


def _advance(
    config: Config, target: LogDensity, on_thread: bool, state: TrainState, num_steps: int
) -> tuple[TrainState, StepInfo]:
    """Takes some steps, and waits for them such that a signal is heard."""
    count, length = jnp.asarray(num_steps, jnp.int32), config.run.log_every
    take_steps = partial(run_chunk, config.algorithm, target, state, count, length)
    state, info = call_on_thread(take_steps) if on_thread else take_steps()
    wait_for(info)
    return state, info


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
