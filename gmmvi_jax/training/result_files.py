"""A result as a directory: mixture, state, history and configuration."""

import json
import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from gmmvi_jax.densities.check import check_dimensions
from gmmvi_jax.gmm import GMM
from gmmvi_jax.npz import write_text
from gmmvi_jax.training.arguments import as_target
from gmmvi_jax.training.checkpoint import load_checkpoint, save_checkpoint
from gmmvi_jax.training.config_text import from_json, to_json
from gmmvi_jax.training.history_files import read_csv, write_csv
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.typing import Array

_FORMAT, _VERSION = "gmmvi_jax.TrainResult", 1
_RECORD, _MIXTURE, _STATE, _HISTORY = "result.json", "gmm.npz", "state.npz", "history.csv"
_PREVIOUS = "previous.npz"


def save_result(result: TrainResult, directory: str | os.PathLike[str]) -> None:
    """Writes a result; see ``TrainResult.save``."""
    directory = Path(directory)
    record = {
        "format": _FORMAT,
        "version": _VERSION,
        "status": str(result.status),
        "reason": result.ending.reason,
        "versions": {name: metadata.version(name) for name in ("gmmvi_jax", "jax", "numpy")},
        "config": to_json(result.config),
    }
    directory.mkdir(parents=True, exist_ok=True)
    # The record comes last: a directory that has one is complete.
    (directory / _RECORD).unlink(missing_ok=True)
    result.gmm.save(directory / _MIXTURE)
    if result.previous is not None:
        result.previous.save(directory / _PREVIOUS)
    save_checkpoint(directory / _STATE, result.state, compressed=True)
    write_csv(directory / _HISTORY, result.history)
    text = json.dumps(record, indent=1, allow_nan=False)
    write_text(directory / _RECORD, f"{text}\n")


def load(
    directory: str | os.PathLike[str], log_density: Callable[..., Array] | None = None
) -> TrainResult:
    """Returns the result that ``TrainResult.save`` wrote.

    Args:
        directory: with its files.
        log_density: that was fitted, for what evaluates it: ``diagnose``, ``expectation``,
            ``refine``. It is code, and not in the files; it is traced here, to see that it takes
            such a position.

    Raises:
        FileNotFoundError: there is no result in the directory.
        TypeError, ValueError: a file is damaged, or of another version; the message names it. Or
            the density does not take such a position, or returns no scalar.
    """
    directory = Path(directory)
    record = _read_record(directory / _RECORD)
    try:
        config = from_json(record["config"])
        ending = Ending(Status(record["status"]), record["reason"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{directory / _RECORD} is damaged: {error}") from error
    previous = directory / _PREVIOUS
    gmm = GMM.load(directory / _MIXTURE)
    target = None if log_density is None else as_target(log_density, config)
    if target is not None:
        try:
            check_dimensions(target, gmm.dim, gmm.means.dtype)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"log_density is not that of {directory}: {error}") from error
    return TrainResult(
        gmm=gmm,
        state=load_checkpoint(directory / _STATE, config),
        history=read_csv(directory / _HISTORY),
        status=ending.status,
        config=config,
        layout=config.layout,
        target=target,
        previous=GMM.load(previous) if previous.is_file() else None,
        ending=ending,
    )


def _read_record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"no result in {path.parent}: result.save(directory) writes {path.name} last, so it "
            f"may also be incomplete."
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged, it is no JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise ValueError(f"{path} is no result of gmmvi_jax.")
    if record.get("version") != _VERSION:
        raise ValueError(
            f"{path} has version {record.get('version')}, this package reads {_VERSION}: load it "
            f"with gmmvi_jax {record.get('versions', {}).get('gmmvi_jax', 'that wrote it')}."
        )
    return record
