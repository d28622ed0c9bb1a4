"""Where a run is kept, and where it goes on from: ``checkpoint`` and ``resume``."""

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from gmmvi_jax.config import Config
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.training.config_text import differences
from gmmvi_jax.training.keeper import Keeper
from gmmvi_jax.training.processes import is_first, require_same
from gmmvi_jax.training.run_directory import (
    check_directory,
    directories_for,
    directories_in,
    directories_with_runs,
    has_run,
    is_lost,
    lost_run,
    read_runs,
)
from gmmvi_jax.training.run_lock import locked
from gmmvi_jax.training.snapshot import Snapshot
from gmmvi_jax.typing import PRNGKey

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
def kept_run(
    checkpoint: Any,
    resume: Any,
    config: Config | None,
    key: PRNGKey | None = None,
    mesh: Mesh | None = None,
) -> Iterator[KeptRuns]:
    """Opens the directory of a run for its duration; nothing else may write there.

    Args:
        checkpoint: directory of a new run, or None.
        resume: directory of a run that goes on, or begins if there is none; or None.
        config: of the run, compared with what is on the disk; None takes what is there.
        key: of the run, compared likewise.
        mesh: of the run; of several processes only the first writes, and all must see the disk.

    Raises:
        TypeError, ValueError: of both, or of the wrong type; or ``checkpoint`` has a run; or that
            of ``resume`` is damaged, or of another config or key, or its snapshots are gone.
        OSError: the directory cannot be written, or another run writes to it.
    """
    directory = directory_of(checkpoint, resume)
    several = [] if directory is None else directories_with_runs(directory)
    if several:
        raise ValueError(
            f"{_name_of(resume)}: {directory} has {len(several)} runs of train_many, which goes "
            f"on with them; give one of them, such as {str(several[0])!r}, or another directory."
        )
    directories = [] if directory is None else [directory]
    with _opened(directories, resume, [config], is_first(mesh)) as kept:
        if directory is not None:
            num_done = kept.begun[0].rows[-1]["iteration"] if kept.begun else 0
            what = f"{directory} must have the same run for all processes, on a disk they share"
            require_same(_name_of(resume), num_done, what, mesh)
        if kept.begun and key is not None:
            _check_key(directory, kept.begun[0].key, key)
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
    if resume is not None and directories_with_runs(directory):
        _check_count(directory, len(configs))
    with _opened(directories_for(directory, len(configs)), resume, configs) as kept:
        yield kept


def _check_count(directory: Path, count: int) -> None:
    """Raises ValueError unless a directory has as many runs as there are seeds."""
    found = {path.name for path in directories_in(directory)}
    missing = [path.name for path in directories_for(directory, count) if path.name not in found]
    if missing:
        raise ValueError(
            f"resume: {', '.join(missing)} of {count} runs is missing in {directory}, which has "
            f"{', '.join(sorted(found))}; restore it, or give the seeds that they began with, or "
            f"another directory."
        )
    if len(found) > count:
        raise ValueError(
            f"resume: there are {len(found)} runs in {directory}, but {count} seeds; give the "
            f"seeds that they began with, or another directory."
        )


@contextmanager
def _opened(
    directories: Sequence[Path],
    resume: Any,
    configs: Sequence[Config | None],
    writes: bool = True,
) -> Iterator[KeptRuns]:
    if not directories:
        yield KeptRuns()
        return
    name = _name_of(resume)
    with contextlib.ExitStack() as stack:
        locks = []
        for directory in directories if writes else ():
            locks.append(stack.enter_context(locked(name, directory)))
            check_directory(name, directory)
        taken = [directory for directory in directories if has_run(directory)]
        if resume is None and taken:
            raise ValueError(
                f"checkpoint: there is a run in {taken[0]} already; resume= goes on with it, or "
                f"give another directory."
            )
        for directory in filter(is_lost, directories):
            raise ValueError(f"{name}: {lost_run(directory)}")
        begun = read_runs(directories, configs)
        for directory, snapshot, config in zip(directories, begun, configs, strict=False):
            if config is not None:
                _check_same(directory, snapshot, config)
        if not writes:
            yield KeptRuns(None, begun)
            return
        keeper = Keeper(locks)
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
        path = require_path(name, value)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(f"{name} is a file, {path}; give a directory for the run.")
        return path
    return None


def _check_same(directory: Path, begun: Snapshot, config: Config) -> None:
    """Raises ValueError where a run would go on with another configuration."""
    found = [each for each in differences(begun.config, config) if each.place not in _FREE]
    if found:
        listed = "; ".join(f"{each.place} is {each.first}, now {each.second}" for each in found[:3])
        raise ValueError(
            f"resume: the run in {directory} has another config: {listed}. Give the config that it "
            f"began with, or another directory."
        )
    before, now = begun.config.algorithm.max_components, config.algorithm.max_components
    if now < before:
        raise ValueError(
            f"resume: max_components is {now}, but the run in {directory} began with {before}; "
            f"give that or more."
        )
    num_done, num_iterations = begun.rows[-1]["iteration"], config.run.num_iterations
    if num_done > num_iterations:
        warnings.warn(
            f"resume: the run in {directory} has {num_done} iterations already, more than "
            f"num_iterations={num_iterations}: it is returned as it is.",
            stacklevel=8,
        )


def _check_key(directory: Path | None, begun: np.ndarray | None, key: PRNGKey) -> None:
    """Raises ValueError where a run would go on with another key; files may lack theirs."""
    if begun is not None and not np.array_equal(begun, jax.random.key_data(key)):
        raise ValueError(
            f"resume: the run in {directory} began with another rng_key; give that one (none, if "
            f"it began without), or another directory."
        )
