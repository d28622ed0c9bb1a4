"""``train``: compiled chunks of steps, and what the host does between them."""

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gmmvi_jax.checkpoint import save_checkpoint
from gmmvi_jax.config import Algorithm, Config
from gmmvi_jax.evaluation.elbo import mixture_elbo
from gmmvi_jax.gmm import GMM
from gmmvi_jax.init import init, typed_key
from gmmvi_jax.mixture import to_gmm
from gmmvi_jax.numerics.target_evaluation import as_log_density
from gmmvi_jax.progress import ProgressBar
from gmmvi_jax.result import History, TrainResult
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.step import step
from gmmvi_jax.target_check import check_target
from gmmvi_jax.typing import Array, LogDensity, PRNGKey
from gmmvi_jax.validation import validate

Callback = Callable[[TrainState, dict[str, Any]], bool | None]
_DIAGNOSTIC_STREAM = 0x0D1A6  # folded into the seed's key: diagnostics never touch the run's keys


@partial(jax.jit, static_argnames="length", donate_argnames="state")
def run_chunk(
    algorithm: Algorithm, log_target: LogDensity, state: TrainState, num_steps: Array, length: int
) -> tuple[TrainState, StepInfo]:
    """Takes ``num_steps`` steps; one program for the full chunks and the last, partial one.

    Args:
        algorithm: the seven choices.
        log_target: a callable pytree.
        state: donated.
        num_steps: [] int32, at most ``length``.
        length: of the scan.

    Returns:
        The state, and [length] infos, zeros beyond ``num_steps``.
    """
    blank = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
        jax.eval_shape(partial(step, algorithm, log_target), state)[1],
    )

    def advance(state: TrainState, index: Array) -> tuple[TrainState, StepInfo]:
        # A loop of one step or none: a cond would copy the buffers.
        num_live = (index < num_steps).astype(jnp.int32)
        return lax.fori_loop(
            0, num_live, lambda _, carry: step(algorithm, log_target, carry[0]), (state, blank)
        )

    return lax.scan(advance, state, jnp.arange(length, dtype=jnp.int32))


def num_compilations() -> int:
    """Returns how many programs for chunks of steps this process has compiled."""
    compiled: Any = run_chunk
    return compiled._cache_size()


def train(
    config: Config,
    log_target: LogDensity,
    *,
    initial: GMM | TrainState | None = None,
    rng_key: PRNGKey | None = None,
    progress: bool | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
) -> TrainResult:
    """Fits a Gaussian mixture to an unnormalised density.

    The same config gives the same result, bit for bit, on the same machine.

    Args:
        config: from ``samtron``, ``from_codename`` or ``published_config``.
        log_target: unnormalised log density of ONE point [D], a scalar; differentiable by JAX.
        initial: a mixture to start from, or a state to continue from (for ``num_iterations``
            more steps; it is copied and brings its own key).
        rng_key: overrides ``config.run.seed``.
        progress: shows a progress bar on stderr.
        callbacks: called with the state and the new row of the history after every chunk;
            one that returns True stops the run. The state is valid during the call only.
        checkpoint: file to which the state is written after every chunk; see
            ``load_checkpoint``.

    Returns:
        The fitted mixture, the last state, the history, and how the run ended.

    Raises:
        ValueError, TypeError: the config or the target cannot be right; see the message.
        FloatingPointError: the target gave no usable value at any sample of a whole chunk.
    """
    start_time = time.perf_counter()
    validate(config)
    target = as_log_density(log_target)
    run = config.run
    key = jax.random.key(run.seed) if rng_key is None else rng_key
    check_target(target, config.dim, _first_mean(config, initial))
    state = _initial_state(config, key, initial)

    diagnostic_key = jax.random.fold_in(typed_key(key), _DIAGNOSTIC_STREAM)
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
            row = _summarise(state, info, num_steps)
            if run.diagnostic_samples:
                estimate = mixture_elbo(
                    state.mixture,
                    target,
                    jax.random.fold_in(diagnostic_key, row["iteration"]),
                    run.diagnostic_samples,
                )
                num_diagnostic += run.diagnostic_samples
                row["elbo"] = float(estimate.mean)
                row["elbo_stderr"] = float(estimate.standard_error)
            row["num_diagnostic_evaluations"] = num_diagnostic
            row["wall_time"] = time.perf_counter() - start_time
            history.append(row)
            bar.update(num_steps, row)
            _refuse_hopeless(row)
            if checkpoint is not None:
                save_checkpoint(checkpoint, state)
            if any([callback(state, row) for callback in callbacks]):
                status = "stopped by a callback"
                break
    columns = history.columns()
    _warn(columns)
    return TrainResult(
        gmm=to_gmm(state.mixture), state=state, history=columns, status=status, config=config
    )


def _first_mean(config: Config, initial: GMM | TrainState | None) -> Array:
    """Returns [D] the mean of the first component, in the dtype of the run."""
    if isinstance(initial, TrainState):
        return initial.mixture.gaussians.mean[0]
    if initial is not None:
        return initial.means[0]
    return jnp.asarray(config.algorithm.initial_mixture.prior_mean, jnp.result_type(float))


def _initial_state(config: Config, key: PRNGKey, initial: GMM | TrainState | None) -> TrainState:
    if isinstance(initial, TrainState):
        # The chunks donate their state; the user's own must survive.
        return jax.tree.map(jnp.copy, initial)
    if initial is not None:
        dim = initial.means.shape[1]
        if dim != config.dim:
            raise ValueError(f"initial has dim {dim}, but the config was made for {config.dim}.")
        if (initial.factors.ndim == 2) != config.algorithm.initial_mixture.diagonal:
            raise ValueError(
                "initial and config differ in diagonal covariances; make the config with "
                f"diagonal={initial.factors.ndim == 2}."
            )
    return jax.jit(init)(config.algorithm, key, initial)


def _summarise(state: TrainState, info: StepInfo, num_steps: int) -> dict[str, Any]:
    """Returns the history's row for one chunk."""
    steps = jax.tree.map(lambda leaf: np.asarray(leaf)[:num_steps], info)
    num_samples = int(steps.num_target_evaluations.sum())
    return {
        "iteration": int(state.iteration),
        "num_components": int(state.mixture.num_components),
        "num_target_evaluations": int(state.num_target_evaluations),
        "elbo": float("nan"),
        "elbo_stderr": float("nan"),
        "wall_time": 0.0,
        "num_added": int(steps.num_added.sum()),
        "num_deleted": int(steps.num_deleted.sum()),
        "num_rejected_updates": int(steps.num_rejected_updates.sum()),
        "num_unusable_samples": int(steps.num_unusable_samples.sum()),
        "num_samples": num_samples,
        "largest_divergence": float(steps.largest_divergence.max()),
        "component_stepsize": float(steps.component_stepsize[-1]),
        "weight_stepsize": float(steps.weight_stepsize[-1]),
        "num_diagnostic_evaluations": 0,
    }


def _refuse_hopeless(row: dict[str, Any]) -> None:
    if row["num_unusable_samples"] >= row["num_samples"] > 0:
        raise FloatingPointError(
            f"log_target or its gradient was NaN or +inf at all {row['num_samples']} samples up "
            f"to iteration {row['iteration']}; check it at draws from the initial mixture "
            f"(prior_mean, prior_scale, initial_covariance)."
        )


def _warn(columns: dict[str, np.ndarray]) -> None:
    unusable = columns["num_unusable_samples"]
    if unusable.sum():
        first = columns["iteration"][np.flatnonzero(unusable)[0]]
        warnings.warn(
            f"log_target or its gradient was NaN or +inf at {int(unusable.sum())} of "
            f"{int(columns['num_samples'].sum())} samples (first seen by iteration {first}); they "
            f"were dropped. Return -inf outside of the support instead.",
            stacklevel=3,
        )
