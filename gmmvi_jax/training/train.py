"""``train``: a mixture fitted to a density, from one seed."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gmmvi_jax.config import Config
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.densities.repeated_functions import warn_of_repeats
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.initial_argument import Initial, as_initial
from gmmvi_jax.training.kept_run import KeptRuns, kept_run
from gmmvi_jax.training.larger_state import with_capacity
from gmmvi_jax.training.launch import launch
from gmmvi_jax.training.mesh_argument import mesh_of_one_run
from gmmvi_jax.training.request import Request, check_request
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.result_files import result_of
from gmmvi_jax.training.runs import OneRun
from gmmvi_jax.training.sample_exchange import Samples
from gmmvi_jax.training.status import COMPLETED, Status
from gmmvi_jax.training.stopping import StoppingRule, first_ending
from gmmvi_jax.typing import Array, PRNGKey

Callback = Callable[[TrainState, dict[str, Any]], bool | None]


@own_errors()
def train(
    config: Config,
    log_target: Callable[..., Array],
    *,
    initial: Initial | None = None,
    samples: Samples | None = None,
    rng_key: PRNGKey | int | None = None,
    progress: bool | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    until: StoppingRule | Sequence[StoppingRule] = (),
    mesh: Mesh | None = None,
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
        initial: a mixture to start from, or a state or a result to continue from (for
            ``num_iterations`` more steps; it is copied and brings its own key). Or the path of a
            file with a mixture (``GMM.save``) or a state (``save_state``), or of a run's directory.
        samples: of an earlier run, see ``export_samples``; candidates for new components and, with
            reuse, the first samples.
        rng_key: a PRNG key, or an integer; overrides ``config.run.seed``.
        progress: shows a progress bar on stderr.
        callbacks: one or several, called with the state and the new row of the history after every
            chunk; one that returns True stops the run, one that returns False or None does not, and
            anything else is an error. The state is a copy, which may be kept.
        checkpoint: directory in which the run is kept: after every chunk where that is cheap, else
            once a minute, and at the end. ``gmmvi_jax.load`` reads it. A full disk is a warning.
        resume: directory of a run that goes on where it was, as if it had never ended, or that
            begins if there is none: the same line starts a job and starts it again. The config and
            the key must be those of the run, but the config may ask for more iterations or
            components; if it asks for fewer iterations than there are, the run is returned as it
            is. The density is code, and not compared.
        until: one or several rules that end the run before ``num_iterations``: ``Convergence()``,
            ``EvaluationBudget(100_000)``, ``TimeLimit(60.0)``, or a function of your own from the
            rows of the history to an ``Ending`` or None.
        mesh: devices that share every step, ``jax.make_mesh((8,), ("devices",))``. Each evaluates
            the target at its part of the samples, and sums over that part. The result is that of
            one device but for the order of sums. For expensive targets and many samples; a CPU has
            as many devices as ``jax.config.update("jax_num_cpu_devices", 8)`` says before JAX is
            used. A black box is called by all of them at once, in threads. Not for a target with
            data that are divided over devices already (``NamedSharding``), which share the run.

    Returns:
        The fitted mixture, the last state, the history, and how the run ended. Once a chunk is
        complete nothing is lost: Ctrl-C ends the run after the chunk (a second one leaves at once),
        and an error, also of a callback or a rule, ends it with status "failed" and the result so
        far; a warning says so, and ``result.raise_for_status()`` raises it.

    Raises:
        ValueError, TypeError: the config or the target cannot be right, or they do not fit together
            (a gradient is needed and there is none); or no sample of the first chunk lies in the
            support; see the message.
        OSError: the directory of ``checkpoint`` or ``resume`` cannot be read or written, or another
            run writes to it.
        FloatingPointError: the target gave no usable value at any sample of the first chunk.
        KeyboardInterrupt: Ctrl-C before the first chunk started, or twice.
    """
    request = check_request(config, log_target, samples, progress, callbacks, until)
    mesh = mesh_of_one_run(mesh, request.target)
    request = request._replace(mesh=mesh)
    initial = as_initial(initial, config)
    warn_of_repeats(request.target)
    key = typed_key(config.run.seed if rng_key is None else rng_key)
    with kept_run(checkpoint, resume, config, key, mesh) as kept:
        if kept.begun:
            return resume_one(request, key, kept)
        return run_one(request, OneRun(config, request.target, key, initial, mesh=mesh), kept)


def run_one(
    request: Request, run: OneRun, kept: KeptRuns, target_centre: np.ndarray | None = None
) -> TrainResult:
    """Takes a run to its end.

    Args:
        request: what is asked for.
        run: the only one.
        kept: what is on the disk of it.
        target_centre: see ``Snapshot``.
    """
    outcome = launch(request, run, itemgetter(0), kept, [None], target_centre)
    (ending,) = outcome.endings
    ending.warn()
    return TrainResult(
        gmm=outcome.gmms[0],
        state=outcome.state,
        history=outcome.histories[0].columns(),
        status=ending.status,
        config=request.config,
        layout=request.layout,
        target=request.target,
        previous=outcome.previous[0],
        ending=ending,
    )


def resume_one(request: Request, key: PRNGKey, kept: KeptRuns) -> TrainResult:
    """Goes on with a run; one that has ended, and would end again, is returned as it is.

    Args:
        request: what is asked for.
        key: of the run.
        kept: what is on the disk of it.
    """
    (begun,) = kept.begun
    if begun.ending is not None and begun.ending.status is Status.DIVERGED:
        begun.ending.warn()
        return result_of(begun, request.target)
    ending = first_ending(request.until, begun.rows)
    if ending is None and begun.rows[-1]["iteration"] >= request.config.run.num_iterations:
        ending = COMPLETED
    if ending is not None:
        return result_of(begun, request.target, begun.ending or ending)
    config, target = request.config, request.target
    state = with_capacity(begun.state, begun.config, config)
    centre = begun.target_centre
    if centre is not None:
        target = target.centred(jnp.asarray(centre))
    return run_one(request, OneRun(config, target, key, state, mesh=request.mesh), kept, centre)
