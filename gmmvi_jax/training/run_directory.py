"""A run as a directory: its newest snapshots, and what people read of it."""

import json
import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from gmmvi_jax.config import Config
from gmmvi_jax.files.npz import read_npz
from gmmvi_jax.files.reading import check_readable
from gmmvi_jax.files.replacing import remove_leftovers, write_text
from gmmvi_jax.gmm import files as gmm_files
from gmmvi_jax.training.history import History
from gmmvi_jax.training.history_files import write_csv
from gmmvi_jax.training.snapshot import Snapshot, json_or_none, read_snapshot, write_snapshot

RECORD, MIXTURE, HISTORY = "run.json", "gmm.npz", "history.csv"
NUM_SNAPSHOTS = 2  # that are kept: where the newest is damaged, the one before it serves
_SNAPSHOTS = "snapshot-*.npz"
_RUN = "run-"  # of several, with the number


def check_directory(argument: str, directory: Path) -> None:
    """Tries to write to the directory of a run, and removes what killed writers left.

    Args:
        argument: that names it, for errors.
        directory: of the run, which this process has locked: another writer is not disturbed.

    Raises:
        OSError: it cannot be written to.
    """
    try:
        remove_leftovers(directory)
        write_text(directory / ".writable", "")
        (directory / ".writable").unlink()
    except OSError as error:
        raise type(error)(
            f"{argument}: cannot write to the directory {directory} ({error.strerror or error}); "
            f"give another one."
        ) from error


def has_run(directory: Path) -> bool:
    """Returns whether there is a snapshot in a directory."""
    return bool(_snapshots(directory))


def is_lost(directory: Path) -> bool:
    """Returns whether a run was there whose snapshots somebody removed."""
    return not has_run(directory) and any((directory / own).exists() for own in (RECORD, MIXTURE))


def lost_run(directory: Path) -> str:
    """Returns a sentence on such a run, and what to do."""
    return (
        f"the snapshots of the run in {directory} ({_SNAPSHOTS}) are gone, and without them it "
        f"cannot go on. Restore them, or leave it. {_what_is_left([directory])}"
    )


def _what_is_left(directories: Sequence[Path]) -> str:
    """Returns what can be done where no snapshot serves."""
    paths = [str(directory / MIXTURE) for directory in directories]
    try:
        for path in paths:
            read_npz(path, gmm_files.FORMAT)
    except (OSError, ValueError):
        return "A run in another directory begins anew."
    start = paths[0] if len(paths) == 1 else paths
    return (
        f"{MIXTURE} still holds the mixture: GMM.load({paths[0]!r}) reads it, and a run in another "
        f"directory starts from it with initial={start!r}."
    )


def directories_in(directory: Path) -> list[Path]:
    """Returns those that ``train_many`` made in a directory for its runs."""
    check_readable(directory)
    found = [path for path in directory.glob(f"{_RUN}*") if path.is_dir()]
    return [path for path in found if path.name.removeprefix(_RUN).isdigit()]


def directories_with_runs(directory: Path) -> list[Path]:
    """Returns those of them that have a snapshot, in order."""
    return sorted(path for path in directories_in(directory) if has_run(path))


def directories_for(directory: Path, count: int) -> list[Path]:
    """Returns where ``train_many`` keeps as many runs."""
    return [directory / f"{_RUN}{index}" for index in range(count)]


def write_runs(directories: Sequence[Path], snapshots: Sequence[Snapshot]) -> None:
    """Writes runs, each to its directory.

    All snapshots are there before older ones go: when the disk is full, all or none are new.

    Raises:
        OSError: of the system, for example that the disk is full. The snapshots before are there.
    """
    paths = [
        directory / _name(int(snapshot.state.iteration))
        for directory, snapshot in zip(directories, snapshots, strict=True)
    ]
    new = [path for path in paths if not path.exists()]
    try:
        for path, snapshot in zip(paths, snapshots, strict=True):
            write_snapshot(path, snapshot)
    except OSError:
        for path in new:
            path.unlink(missing_ok=True)
        raise
    for path, snapshot in zip(paths, snapshots, strict=True):
        _drop_others(path)
        _write_readable(path.parent, snapshot)


def _drop_others(newest: Path) -> None:
    """Leaves a snapshot and the one before it.

    Later ones are of a run that went on from an earlier one: they were damaged.
    """
    paths = _snapshots(newest.parent)
    kept = [path for path in paths if path.name <= newest.name][:NUM_SNAPSHOTS]
    for path in paths:
        if path not in kept:
            path.unlink(missing_ok=True)


def _write_readable(directory: Path, snapshot: Snapshot) -> None:
    """Writes what people and other programs read."""
    snapshot.gmm.save(directory / MIXTURE)
    write_csv(directory / HISTORY, History(snapshot.rows).columns())
    write_text(directory / RECORD, f"{json.dumps(_record(snapshot), indent=1)}\n")


def write_only_run(directory: Path, snapshot: Snapshot) -> None:
    """Writes a snapshot, and then removes those of another run that was there.

    Raises:
        OSError: as of ``write_runs``.
    """
    write_runs([directory], [snapshot])
    for path in _snapshots(directory):
        if path.name != _name(int(snapshot.state.iteration)):
            path.unlink(missing_ok=True)


def read_run(directory: Path, config: Config | None = None) -> Snapshot:
    """Returns the newest snapshot of a run that can be read; see ``read_runs``.

    Raises:
        FileNotFoundError: there is no run in the directory, or its snapshots were removed.
        PermissionError: it may not be read.
        ValueError: no snapshot can be read; the message says what is wrong with the newest.
    """
    found = read_runs([directory], [config])
    if not found and is_lost(directory):
        raise FileNotFoundError(lost_run(directory))
    if not found:
        several = sorted(path.name for path in directories_in(directory))
        cure = (
            f"it has the runs {', '.join(several)} of train_many, each of which can be read."
            if several
            else "train(checkpoint=DIRECTORY) and result.save(DIRECTORY) write one."
        )
        raise FileNotFoundError(f"there is no run in {directory}: {cure}")
    return found[0]


def read_runs(directories: Sequence[Path], configs: Sequence[Config | None]) -> list[Snapshot]:
    """Returns the newest snapshot of each run that can be read.

    Runs do not know of each other: a process that was killed may have written some of them only,
    and one that has ended stays where it is. It warns where there are newer ones that are damaged.

    Args:
        directories: of the runs.
        configs: of the runs, where the files have none because they hold functions.

    Returns:
        One for each run; none where some run has not got as far as its first snapshot, and the
        others not further.

    Raises:
        ValueError: none of a run can be read, and the message says what is wrong with the newest;
            or a run has none.
        PermissionError: one may not be read. It is not passed over for the one before it: the run
            that went on from there would remove it.
    """
    paths = [_snapshots(directory) for directory in directories]
    if not all(paths):
        # The process was killed while it wrote the first ones, unless there are more.
        if all(len(own) <= 1 for own in paths):
            return []
        listed = "; ".join(
            f"{directory.name} has {', '.join(path.name for path in own) or 'none'}"
            for directory, own in zip(directories, paths, strict=True)
        )
        raise ValueError(
            f"some runs in {directories[0].parent} have no snapshot: {listed}. "
            f"Restore the missing files, or leave them. {_what_is_left(directories)}"
        )
    others = _what_is_left(directories)
    return [_newest_of(*run, others) for run in zip(paths, configs, strict=True)]


def _newest_of(paths: Sequence[Path], config: Config | None, cure: str) -> Snapshot:
    """Returns the first of the snapshots that can be read; see ``read_runs``."""
    first_error: ValueError | None = None
    for path in paths:
        try:
            found = read_snapshot(path, config)
        except ValueError as error:
            first_error = first_error or error
            continue
        if first_error is not None:
            warnings.warn(
                f"{first_error}\nThe run is that of {path.name}, the snapshot before.",
                stacklevel=5,
            )
        return found
    raise ValueError(
        f"{first_error}\nThere is no other snapshot that serves. {cure}"
    ) from first_error


def _snapshots(directory: Path) -> list[Path]:
    """Returns the paths of the snapshots, the newest first."""
    check_readable(directory)
    return sorted(directory.glob(_SNAPSHOTS), reverse=True)


def _name(iteration: int) -> str:
    return f"snapshot-{iteration:08d}.npz"


def _record(snapshot: Snapshot) -> dict[str, Any]:
    """Returns what people read: how the run stands, versions and configuration."""
    config, ending = json_or_none(snapshot.config), snapshot.ending
    return {
        "iteration": int(snapshot.state.iteration),
        "status": "running" if ending is None else str(ending.status),
        "reason": "" if ending is None else ending.reason,
        "versions": {name: metadata.version(name) for name in ("gmmvi_jax", "jax", "numpy")},
        "config": config,
    }
