"""Callbacks for ``fit``, ``train`` and ``train_many``: files and records, made while it runs.

A callback is a function of the state and the newest row of the history (of ``train_many`` a list of
rows, one for each run), called after every chunk of iterations.
"""

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gmmvi_jax.evaluation.timeline import Timeline
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.requirements import (
    require,
    require_bool,
    require_function,
    require_int,
    require_not_negative,
)
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.history_files import csv_line
from gmmvi_jax.training.train import Callback

__all__ = ["csv", "every", "json_lines", "tensorboard", "timeline"]


class ScalarWriter(Protocol):
    """What TensorBoard's writers have, of PyTorch, tensorboardX or flax."""

    def add_scalar(self, name: str, value: float, step: int, /) -> Any:
        """Records a number."""
        ...


def csv(path: str | os.PathLike[str], *, append: bool = False) -> Callback:
    """Returns a callback that writes each row of the history to a CSV file at once.

    Args:
        path: of the file; one that exists is replaced when the first row comes.
        append: whether rows go to the end of an existing file instead, when a run goes on.
    """
    path, append = require_path("path", path), require_bool("append", append)
    return _LineWriter(path, lambda row: csv_line(row.values()), True, append)


def json_lines(path: str | os.PathLike[str], *, append: bool = False) -> Callback:
    """Returns a callback that writes each row of the history as a line of JSON.

    Args:
        path: of the file; one that exists is replaced when the first row comes. What is not finite
            is null.
        append: see ``csv``.
    """
    path, append = require_path("path", path), require_bool("append", append)
    return _LineWriter(path, lambda row: json.dumps(_finite(row)), False, append)


class _LineWriter:
    """Writes lines to a file, which is complete up to the last row at any time."""

    def __init__(
        self,
        path: Path,
        to_line: Callable[[dict[str, Any]], str],
        has_header: bool,
        append: bool,
    ) -> None:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"cannot write {path}: create the directory {path.parent}")
        self._path = path
        self._to_line = to_line
        self._has_header = has_header
        self._is_new = not (append and path.exists())

    def __call__(self, state: TrainState, row: Any) -> None:
        rows = _labelled(row)
        lines = [self._to_line(own) for own in rows]
        if self._is_new and self._has_header:
            lines.insert(0, csv_line(rows[0]))
        with self._path.open("w" if self._is_new else "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        self._is_new = False


def _labelled(row: Any) -> list[dict[str, Any]]:
    """Returns the rows; those of several runs have their number."""
    if isinstance(row, list):
        return [{"run": run, **own} for run, own in enumerate(row)]
    return [row]


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row with None for what JSON has no number for."""
    values = {name: np.asarray(value).item() for name, value in row.items()}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def tensorboard(writer: ScalarWriter) -> Callback:
    """Returns a callback that gives every number of the history to a TensorBoard writer.

    Args:
        writer: with a method ``add_scalar(name, value, step)``.
    """
    require_function("writer.add_scalar", getattr(writer, "add_scalar", None))

    def write(state: TrainState, row: Any) -> None:
        del state
        for own in _labelled(row):
            prefix = f"run_{own['run']}/" if "run" in own else ""
            step = int(own["iteration"])
            for name, value in own.items():
                if name not in ("run", "iteration"):
                    writer.add_scalar(prefix + name, float(value), step)

    return write


def timeline(run: int = 0) -> Timeline:
    """Returns a callback that records births, weights and deaths of the components.

    ``plotting.plot_timeline`` draws it.

    Args:
        run: which one is recorded, of ``train_many``.
    """
    return Timeline(require_int("run", run, least=0))


def every(seconds: float, callback: Callback) -> Callback:
    """Returns a callback that is called when it was not for so long.

    Args:
        seconds: between two calls, at least; the first one comes after as many.
        callback: the one to call.

    Raises:
        ValueError: ``seconds`` is negative.
    """
    require_not_negative("seconds", seconds)
    require(np.ndim(seconds) == 0, f"seconds must be a single number, got {seconds!r}.")
    require_function("callback", callback, " of the state and a row")
    last = time.monotonic()

    def call(state: TrainState, row: Any) -> bool | None:
        nonlocal last
        if time.monotonic() - last < seconds:
            return None
        last = time.monotonic()
        return callback(state, row)

    return call
