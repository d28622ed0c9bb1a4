"""``train_many``: the same config from several seeds, in one compiled program."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.arguments import Initials, as_initials, as_seeds
from gmmvi_jax.training.keeper import Keeper
from gmmvi_jax.training.kept_run import directory_of, kept_run
from gmmvi_jax.training.launch import check_request, launch
from gmmvi_jax.training.many_result import TrainManyResult
from gmmvi_jax.training.runs import ManyRuns
from gmmvi_jax.training.sample_exchange import Samples
from gmmvi_jax.training.stopping import StoppingRule
from gmmvi_jax.typing import LogDensity

Callback = Callable[[TrainState, list[dict[str, Any]]], bool | None]


@own_errors()
def train_many(
    config: Config,
    log_target: LogDensity,
    seeds: Sequence[int],
    *,
    initial: Initials | None = None,
    samples: Samples | None = None,
    vectorized: bool | None = None,
    progress: bool | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    until: StoppingRule | Sequence[StoppingRule] = (),
) -> TrainManyResult:
    """Fits a mixture from each of several seeds.

    Each run is the one that ``train(config.replace(seed=seed), log_target)`` makes, up to rounding.

    Args:
        config: as of ``train``; its own seed is not used.
        log_target: as of ``train``.
        seeds: one per run.
        initial: as of ``train``, one for all runs or a sequence of one for each; or the result of
            ``train_many``. From one state for all every run goes on with the key of its own seed.
        samples: as of ``train``, the same for all runs.
        vectorized: all runs at once (``jax.vmap``) instead of one after another (``jax.lax.map``);
            by default on accelerators only. On a CPU it takes about 1.3 times as long. At once, a
            target is also evaluated (and not counted) where another run has more samples to draw.
        progress: shows a progress bar on stderr.
        callbacks: as of ``train``, called with the stacked state, of which ``state.run(0)`` is one
            run's, and a list of the new rows of the histories, one per run. One that returns True
            stops all runs.
        checkpoint: directory in which the runs are kept, each in one of its own, ``run-0``,
            ``run-1``, ...; see ``train``. ``gmmvi_jax.load`` reads each of them.
        until: as of ``train``. The runs go on until all of them have ended; that of one says what
            ended it first.

    Returns:
        The mixtures, their states stacked, their history side by side, and all runs merged. As
        with ``train`` nothing is lost once a chunk is complete; a run that fails leaves the others
        alone, and its status says so.

    Raises:
        ValueError, TypeError, FloatingPointError: as ``train``; or there are no seeds.
    """
    request = check_request(config, log_target, samples, progress, callbacks, until)
    seeds, directory = as_seeds(seeds), directory_of(checkpoint)
    at_once = jax.default_backend() != "cpu" if vectorized is None else vectorized
    runs = ManyRuns(
        config,
        request.target,
        [jax.random.key(seed) for seed in seeds],
        as_initials(initial, config, seeds),
        at_once,
    )

    with contextlib.ExitStack() as stack:
        keepers: list[Keeper] = []
        names = [] if directory is None else [directory / f"run-{i}" for i in range(len(seeds))]
        for name in names:
            kept = stack.enter_context(kept_run(name, None, config))
            keepers += [kept.keeper] if kept.keeper else []
        outcome = launch(request, runs, list, keepers)
    for seed, ending in zip(seeds, outcome.endings, strict=True):
        ending.warn(f"the run of seed {seed}")
    columns = [history.columns() for history in outcome.histories]
    return TrainManyResult(
        gmms=tuple(outcome.gmms),
        state=outcome.state,
        history={name: np.stack([c[name] for c in columns], axis=1) for name in columns[0]},
        seeds=seeds,
        config=config,
        endings=tuple(outcome.endings),
        layout=request.layout,
        target=request.target,
        previous=tuple(outcome.previous),
    )
