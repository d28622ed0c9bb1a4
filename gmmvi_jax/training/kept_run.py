"""Where a run is kept, and where it goes on from: ``checkpoint`` and ``resume``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gmmvi_jax.config import Config
from gmmvi_jax.training.config_text import differences
from gmmvi_jax.training.keeper import Keeper
from gmmvi_jax.training.run_directory import check_directory, has_run, read_run
from gmmvi_jax.training.run_lock import locked
from gmmvi_jax.training.snapshot import Snapshot

# What a resumed run may have other values of.
_FREE = ("run.num_iterations", "run.log_every", "algorithm.max_components")


class KeptRun(NamedTuple):
    """What is on the disk of a run.

    Attributes:
        keeper: writes it, None if nobody asked for that.
        begun: what an earlier process left, None if there is nothing.
    """

    keeper: Keeper | None = None
    begun: Snapshot | None = None


@contextmanager
def kept_run(checkpoint: Any, resume: Any, config: Config | None) -> Iterator[KeptRun]:
    """Opens the directory of a run for its duration; nothing else may write there.

    Args:
        checkpoint: directory of a new run, or None.
        resume: directory of a run that goes on, or begins if there is none; or None.
        config: of the run, compared with what is on the disk; None takes what is there.

    Raises:
        TypeError, ValueError: of both, or of the wrong type; or ``checkpoint`` has a run; or that
            of ``resume`` is damaged, or of another config.
        OSError: the directory cannot be written, or another run writes to it.
    """
    directory = directory_of(checkpoint, resume)
    if directory is None:
        yield KeptRun()
        return
    check_directory(directory)
    with locked(directory):
        if resume is None and has_run(directory):
            raise ValueError(
                f"checkpoint: there is a run in {directory} already; resume={str(directory)!r} "
                f"goes on with it, or give another directory."
            )
        begun = read_run(directory, config) if has_run(directory) else None
        if begun is not None and config is not None:
            _check_same(directory, begun.config, config)
        keeper = Keeper(directory)
        try:
            yield KeptRun(keeper, begun)
        finally:
            keeper.close()


def directory_of(checkpoint: Any, resume: Any = None) -> Path | None:
    """Returns the directory that one of the two names, if any; see ``kept_run``."""
    if checkpoint is not None and resume is not None:
        raise ValueError(
            f"checkpoint={checkpoint!r} and resume={resume!r}: give checkpoint for a new run, or "
            f"resume, which goes on with a run in its directory and is kept there."
        )
    for name, value in (("checkpoint", checkpoint), ("resume", resume)):
        if value is None:
            continue
        if not isinstance(value, str | os.PathLike) or not str(value):
            raise TypeError(f"{name} must be the path of a directory, got {value!r}.")
        path = Path(value)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(f"{name} is a file, {path}; give a directory for the run.")
        return path
    return None


def _check_same(directory: Path, begun: Config, config: Config) -> None:
    """Raises ValueError where a run would go on with another configuration."""
    found = [each for each in differences(begun, config) if each.place not in _FREE]
    if found:
        listed = "; ".join(f"{each.place} is {each.first}, now {each.second}" for each in found[:3])
        raise ValueError(
            f"resume: the run in {directory} has another config: {listed}. Give the config that it "
            f"began with, or another directory."
        )
