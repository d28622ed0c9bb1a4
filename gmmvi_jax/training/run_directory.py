"""A run as a directory: its newest snapshots, and what people read of it."""

import json
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from gmmvi_jax.config import Config
from gmmvi_jax.files.replacing import remove_leftovers, write_text
from gmmvi_jax.training.config_text import to_json
from gmmvi_jax.training.history import History
from gmmvi_jax.training.history_files import write_csv
from gmmvi_jax.training.snapshot import Snapshot, config_or_none, read_snapshot, write_snapshot

RECORD, MIXTURE, HISTORY = "run.json", "gmm.npz", "history.csv"
NUM_SNAPSHOTS = 2  # that are kept: where the newest is damaged, the one before it serves
_SNAPSHOTS = "snapshot-*.npz"


def check_directory(directory: Path) -> None:
    """Makes a directory for a run, if it is not there, and tries to write to it.

    Raises:
        OSError: it is no directory, or cannot be made or written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        remove_leftovers(directory)
        write_text(directory / ".writable", "")
        (directory / ".writable").unlink()
    except OSError as error:
        raise type(error)(
            f"checkpoint: cannot write to the directory {directory} ({error.strerror or error}); "
            f"give another one."
        ) from error


def has_run(directory: Path) -> bool:
    """Returns whether there is a snapshot in a directory."""
    return bool(_snapshots(directory))


def write_run(directory: Path, snapshot: Snapshot) -> None:
    """Writes a snapshot, the mixture, the history and the record; drops older snapshots.

    Raises:
        OSError: of the system, for example that the disk is full. The snapshots before are there.
    """
    iteration = int(snapshot.state.iteration)
    write_snapshot(directory / f"snapshot-{iteration:08d}.npz", snapshot)
    for path in _snapshots(directory)[NUM_SNAPSHOTS:]:
        path.unlink(missing_ok=True)
    snapshot.gmm.save(directory / MIXTURE)
    write_csv(directory / HISTORY, History(snapshot.rows).columns())
    write_text(directory / RECORD, f"{json.dumps(_record(snapshot), indent=1)}\n")


def drop_run(directory: Path) -> None:
    """Removes the snapshots of a run, before another one is written to its directory."""
    for path in _snapshots(directory):
        path.unlink(missing_ok=True)


def read_run(directory: Path, config: Config | None = None) -> Snapshot:
    """Returns the newest snapshot that can be read; warns where that is not the newest one.

    Args:
        directory: of the run.
        config: of the run, where the files have none because it holds a function.

    Raises:
        FileNotFoundError: there is no run in the directory.
        ValueError: no snapshot can be read; the message says what is wrong with the newest.
    """
    paths = _snapshots(directory)
    if not paths:
        raise FileNotFoundError(
            f"there is no run in {directory}: train(checkpoint=DIRECTORY) and "
            f"result.save(DIRECTORY) write one."
        )
    return _first_readable(paths, lambda path: read_snapshot(path, config))


def _first_readable(paths: list[Path], read: Callable[[Path], Snapshot]) -> Snapshot:
    """Returns what the first path that can be read holds; raises the error of the very first."""
    first_error: ValueError | None = None
    for path in paths:
        try:
            found = read(path)
        except ValueError as error:
            first_error = first_error or error
            continue
        if first_error is not None:
            warnings.warn(
                f"{first_error}\nThe run is that of {path.name}, the snapshot before.",
                stacklevel=4,
            )
        return found
    assert first_error is not None
    raise first_error


def _snapshots(directory: Path) -> list[Path]:
    """Returns the paths of the snapshots, the newest first."""
    return sorted(directory.glob(_SNAPSHOTS), reverse=True)


def _record(snapshot: Snapshot) -> dict[str, Any]:
    """Returns what people read: how the run stands, versions and configuration."""
    config, ending = config_or_none(snapshot.config), snapshot.ending
    return {
        "iteration": int(snapshot.state.iteration),
        "status": "running" if ending is None else str(ending.status),
        "reason": "" if ending is None else ending.reason,
        "versions": {name: metadata.version(name) for name in ("gmmvi_jax", "jax", "numpy")},
        "config": None if config is None else to_json(config),
    }
