"""Where a run is kept, and where it goes on from: ``checkpoint`` and ``resume``."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gmmvi_jax.config import Config
from gmmvi_jax.training.config_text import differences
from gmmvi_jax.training.keeper import Keeper
from gmmvi_jax.training.run_directory import (
    check_directory,
    directories_for,
    directories_in,
    directories_with_runs,
    has_run,
    read_runs,
)
from gmmvi_jax.training.run_lock import locked
from gmmvi_jax.training.snapshot import Snapshot

# What a resumed run may have other values of.
_FREE = ("run.num_iterations", "run.log_every", "algorithm.max_components")


class KeptRuns(NamedTuple):
    """What is on the disk of one run, or of several.

    Attributes:
        keeper: writes them, None if nobody asked for that.
        begun: what an earlier process left, one snapshot for each run; empty if there is nothing.
    """

    keeper: Keeper | None = None
    begun: Sequence[Snapshot] = ()


@contextmanager
def kept_run(checkpoint: Any, resume: Any, config: Config | None) -> Iterator[KeptRuns]:
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
    several = [] if directory is None else directories_with_runs(directory)
    if several:
        raise ValueError(
            f"{_name_of(resume)}: {directory} has {len(several)} runs of train_many, which goes "
            f"on with them; give one of them, such as {str(several[0])!r}, or another directory."
        )
    with _opened([] if directory is None else [directory], resume, [config]) as kept:
        yield kept


@contextmanager
def kept_runs(checkpoint: Any, resume: Any, configs: Sequence[Config]) -> Iterator[KeptRuns]:
    """Opens the directories of several runs, ``run-0``, ``run-1``, ...; see ``kept_run``.

    Raises:
        ValueError: as of ``kept_run``; or the directory has another number of runs.
    """
    directory = directory_of(checkpoint, resume)
    if directory is None:
        yield KeptRuns()
        return
    if has_run(directory):
        raise ValueError(
            f"{_name_of(resume)}: there is a run of train in {directory}; give another directory "
            f"to train_many."
        )
    num_begun = len(directories_in(directory)) if directories_with_runs(directory) else 0
    if resume is not None and num_begun not in (0, len(configs)):
        raise ValueError(
            f"resume: there are {num_begun} runs in {directory}, but {len(configs)} seeds; give "
            f"the seeds that they began with, or another directory."
        )
    with _opened(directories_for(directory, len(configs)), resume, configs) as kept:
        yield kept


@contextmanager
def _opened(
    directories: Sequence[Path], resume: Any, configs: Sequence[Config | None]
) -> Iterator[KeptRuns]:
    if not directories:
        yield KeptRuns()
        return
    for directory in directories:
        check_directory(_name_of(resume), directory)
    with contextlib.ExitStack() as stack:
        for directory in directories:
            stack.enter_context(locked(directory))
        taken = [directory for directory in directories if has_run(directory)]
        if resume is None and taken:
            raise ValueError(
                f"checkpoint: there is a run in {taken[0]} already; resume= goes on with it, or "
                f"give another directory."
            )
        begun = read_runs(directories, configs)
        for directory, snapshot, config in zip(directories, begun, configs, strict=False):
            if config is not None:
                _check_same(directory, snapshot.config, config)
        keeper = Keeper(directories)
        try:
            yield KeptRuns(keeper, begun)
        finally:
            keeper.close()


def _name_of(resume: Any) -> str:
    """Returns which of the two arguments is meant."""
    return "checkpoint" if resume is None else "resume"


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
