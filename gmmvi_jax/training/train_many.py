"""``train_many``: the same config for several seeds or data sets, in one compiled program."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from gmmvi_jax.config import Config
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.arguments import as_seeds
from gmmvi_jax.training.data_argument import as_data
from gmmvi_jax.training.history import History, as_many_rows
from gmmvi_jax.training.initial_argument import Initials, as_initials
from gmmvi_jax.training.kept_run import kept_runs
from gmmvi_jax.training.larger_state import with_capacity
from gmmvi_jax.training.launch import launch
from gmmvi_jax.training.many_result import TrainManyResult
from gmmvi_jax.training.many_runs import ManyRuns
from gmmvi_jax.training.mesh_argument import mesh_of_many_runs
from gmmvi_jax.training.request import Request, check_request
from gmmvi_jax.training.run_loop import Outcome
from gmmvi_jax.training.sample_exchange import Samples
from gmmvi_jax.training.snapshot import Snapshot
from gmmvi_jax.training.status import COMPLETED, Ending, Status
from gmmvi_jax.training.stopping import StoppingRule, first_ending
from gmmvi_jax.typing import LogDensity, PyTree

Callback = Callable[[TrainState, list[dict[str, Any]]], bool | None]


@own_errors()
def train_many(
    config: Config,
    log_target: LogDensity,
    seeds: Sequence[int],
    *,
    data: PyTree | None = None,
    initial: Initials | None = None,
    samples: Samples | None = None,
    vectorized: bool | None = None,
    mesh: Mesh | None = None,
    progress: bool | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    until: StoppingRule | Sequence[StoppingRule] = (),
) -> TrainManyResult:
    """Fits a mixture from each of several seeds, all to one density or each to one of its own.

    Each run is the one that ``train(config.replace(seed=seed), log_target)`` makes, up to rounding.

    Args:
        config: as of ``train``; its own seed is not used.
        log_target: as of ``train``; with ``data`` a function of a position and a data set.
        seeds: one per run.
        data: a data set for each run: a pytree of arrays whose first axis is that of the seeds. The
            log density is called with its slices, ``log_target(x, data_of_the_run)``. Data sets of
            different sizes are padded to the largest, with a mask that the log density reads.
        initial: as of ``train``, one for all runs or a sequence of one for each; or the result of
            ``train_many``. From one state for all every run goes on with the key of its own seed.
        samples: as of ``train``, the same for all runs.
        vectorized: all runs at once (``jax.vmap``) instead of one after another (``jax.lax.map``);
            by default on accelerators only. On a CPU it takes about 1.3 times as long. At once, a
            target is also evaluated (and not counted) where another run has more samples to draw.
        mesh: of devices over which the runs are spread, ``jax.make_mesh((8,), ("runs",))``,
            about as many on each; each device goes through its own, one after another or at once. A
            CPU has as many devices as ``jax.config.update("jax_num_cpu_devices", 2)`` says before
            JAX is used.
        progress: shows a progress bar on stderr.
        callbacks: as of ``train``, called with the stacked state, of which ``state.run(0)`` is one
            run's, and a list of the last rows of the histories, one per run. One that returns True
            stops all runs.
        checkpoint: directory in which the runs are kept, each in one of its own, ``run-0``,
            ``run-1``, ...; see ``train``. ``gmmvi_jax.load`` reads each of them.
        resume: directory of such runs, which go on where they were, as if they had never ended, or
            begin if there are none; see ``train``. The seeds must be those that they began with.
        until: as of ``train``. A run that has ended takes no more steps, and its last row is
            repeated until all have ended. At once, it is still computed, and not counted.

    Returns:
        The mixtures, their states stacked, their history side by side, and all runs merged, unless
        each has data of its own. As
        with ``train`` nothing is lost once a chunk is complete; a run that fails leaves the others
        alone, and its status says so.

    Raises:
        ValueError, TypeError, FloatingPointError: as ``train``; or there are no seeds.
    """
    seeds = as_seeds(seeds)
    mesh = mesh_of_many_runs(mesh, log_target, data)
    data = as_data(data, seeds)
    request = check_request(config, log_target, samples, progress, callbacks, until, data)
    initial = as_initials(initial, config, seeds)
    at_once = jax.default_backend() != "cpu" if vectorized is None else vectorized
    with kept_runs(checkpoint, resume, [config.replace(seed=seed) for seed in seeds]) as kept:
        endings = [_begun_ending(request, begun) for begun in kept.begun] or [None] * len(seeds)
        if kept.begun:
            initial = [with_capacity(begun.state, begun.config, config) for begun in kept.begun]
        runs = ManyRuns(config, request.target, seeds, initial, at_once, data, mesh)
        if None in endings:
            outcome = launch(request, runs, list, kept, endings)
        else:
            outcome = _as_it_is(runs, kept.begun, endings)
    for seed, ending in zip(seeds, outcome.endings, strict=True):
        ending.warn(f"the run of seed {seed}")
    rows = as_many_rows([history.rows for history in outcome.histories])
    columns = [History(own).columns() for own in rows]
    return TrainManyResult(
        gmms=tuple(outcome.gmms),
        state=runs.without_copies(outcome.state),
        history={name: np.stack([c[name] for c in columns], axis=1) for name in columns[0]},
        seeds=seeds,
        config=config,
        endings=tuple(outcome.endings),
        layout=request.layout,
        target=request.target,
        previous=tuple(outcome.previous),
        data=data,
    )


def _begun_ending(request: Request, begun: Snapshot) -> Ending | None:
    """Returns how a run ended before the others, or all of them did; None if it goes on.

    The rules are asked after every row, as they were while it ran: a run that has met one has
    ended.
    """
    if begun.ending is not None and begun.ending.status is Status.DIVERGED:
        return begun.ending
    rows = begun.rows
    asked = (first_ending(request.until, rows[: count + 1]) for count in range(len(rows)))
    ending = next((ending for ending in asked if ending is not None), None)
    if ending is None and rows[-1]["iteration"] >= request.config.run.num_iterations:
        return begun.ending or COMPLETED
    return ending


def _as_it_is(
    runs: ManyRuns, begun: Sequence[Snapshot], endings: Sequence[Ending | None]
) -> Outcome:
    """Returns runs of which none goes on."""
    return Outcome(
        state=runs.first_state(),
        gmms=[snapshot.gmm for snapshot in begun],
        previous=[snapshot.previous or snapshot.gmm for snapshot in begun],
        histories=[History(snapshot.rows) for snapshot in begun],
        endings=[ending for ending in endings if ending is not None],
    )
