"""Results and the directories of runs: ``TrainResult.save`` and ``load``."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from gmmvi_jax.densities.check import check_dimensions
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.training.arguments import as_target
from gmmvi_jax.training.config_text import to_json
from gmmvi_jax.training.history import History
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.run_directory import check_directory, read_run, write_only_run
from gmmvi_jax.training.run_lock import locked
from gmmvi_jax.training.snapshot import Snapshot
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.watch_memory import first_memory
from gmmvi_jax.typing import Array

_UNFINISHED = Ending(Status.INTERRUPTED, "the process ended before the run did.")


def save_result(result: TrainResult, directory: str | os.PathLike[str]) -> None:
    """Writes a result; see ``TrainResult.save``."""
    directory = require_path("directory", directory)
    to_json(result.config)  # raises where it holds a function
    columns = result.history.values()
    snapshot = Snapshot(
        config=result.config,
        state=result.state,
        gmm=result.gmm,
        previous=result.previous,
        rows=[
            dict(zip(result.history, values, strict=True))
            for values in zip(*(np.asarray(column).tolist() for column in columns), strict=True)
        ],
        ending=result.ending,
        watch=first_memory(result.config, None),
    )
    with locked("directory", directory):
        check_directory("directory", directory)
        write_only_run(directory, snapshot)


def load(
    directory: str | os.PathLike[str], log_density: Callable[..., Array] | None = None
) -> TrainResult:
    """Returns the result in the directory of a run, also of one that was killed.

    Args:
        directory: that ``TrainResult.save`` wrote, or ``checkpoint=`` of a run. Where the newest
            snapshot is damaged the one before it is read, and a warning says so.
        log_density: that was fitted, for what evaluates it: ``diagnose``, ``expectation``,
            ``refine``. It is code, and not in the files.

    Raises:
        FileNotFoundError: there is no run in the directory, or its snapshots were removed.
        PermissionError: it may not be read.
        ValueError: no snapshot in it can be read; or ``log_density`` is another one.
        TypeError: ``log_density`` does not take such positions.
    """
    directory = require_path("directory", directory)
    snapshot = read_run(directory)
    target = None if log_density is None else as_target(log_density, snapshot.config, "log_density")
    if target is not None:
        try:
            check_dimensions(target, snapshot.gmm.dim, snapshot.gmm.means.dtype)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"log_density is not that of {directory}: {error}") from error
    return result_of(snapshot, target)


def result_of(snapshot: Snapshot, target: Any, ending: Ending | None = None) -> TrainResult:
    """Returns a snapshot as a result.

    Args:
        snapshot: of a run.
        target: a callable pytree, None if it is not known.
        ending: of the run, None for that of the snapshot.
    """
    ending = ending or snapshot.ending or _UNFINISHED
    return TrainResult(
        gmm=snapshot.gmm,
        state=snapshot.state,
        history=History(snapshot.rows).columns(),
        status=ending.status,
        config=snapshot.config,
        layout=snapshot.config.layout,
        target=target,
        previous=snapshot.previous,
        ending=ending,
    )
