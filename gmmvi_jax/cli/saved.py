"""Commands on the directory that ``gmmvi-jax fit --out`` wrote."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gmmvi_jax import targets
from gmmvi_jax.cli.user_target import is_file_target, load_function
from gmmvi_jax.files.reading import check_readable
from gmmvi_jax.files.replacing import replaced, write_text
from gmmvi_jax.plotting import figures
from gmmvi_jax.training.history_files import csv_line
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.result_files import load
from gmmvi_jax.training.run_directory import has_run, is_lost
from gmmvi_jax.training.run_lock import locked

RECORD = "config.json"
REPORT = "report.png"
_NETCDF_ENGINES = ("h5netcdf", "netCDF4")  # xarray's that can write groups


def sample(arguments: argparse.Namespace) -> None:
    """Writes samples of the mixture as CSV, to a file or to stdout."""
    result = _loaded(arguments.directory)
    points = np.asarray(result.gmm.sample(arguments.seed, arguments.num_samples))
    posterior = result.posterior
    lines = [csv_line(posterior.value_names), *map(csv_line, posterior.values(points).tolist())]
    text = "\n".join(lines) + "\n"
    if arguments.csv is None:
        sys.stdout.write(text)
    else:
        write_text(arguments.csv, text)
        print(f"{arguments.num_samples:,} samples are in {arguments.csv}")


def convert(arguments: argparse.Namespace) -> None:
    """Writes weighted draws of a fit as a file of ArviZ or NumPy.

    Raises:
        ImportError: ArviZ, or what writes netCDF, is not installed.
    """
    write, ending = {"arviz": (_write_netcdf, "nc"), "npz": (_write_npz, "npz")}[arguments.to]
    directory: Path = arguments.directory
    path = _path_of(arguments.out, directory / f"draws.{ending}")
    write(_loaded(directory, target_in(directory)), arguments, path)
    print(f"{arguments.num_samples:,} weighted draws are in {path}")


def _write_netcdf(result: TrainResult, arguments: argparse.Namespace, path: Path) -> None:
    from gmmvi_jax.interop.arviz import to_arviz

    engines = [name for name in _NETCDF_ENGINES if importlib.util.find_spec(name)]
    if not engines:
        raise ImportError(
            "--to arviz writes netCDF, which needs h5netcdf or netCDF4: pip install "
            '"gmmvi_jax[arviz]"'
        )
    tree = to_arviz(result, arguments.seed, arguments.num_samples)
    with replaced(path) as temporary:
        tree.to_netcdf(temporary, engine=engines[0].lower())


def _write_npz(result: TrainResult, arguments: argparse.Namespace, path: Path) -> None:
    """Writes the fields of ``WeightedDraws``; a leaf of the position is ``position.a``."""
    draws = result.weighted_draws(arguments.seed, arguments.num_samples)
    paths = [""] if result.layout is None else result.layout.paths
    names = [f"position.{own}" if own else "position" for own in paths]
    arrays: dict[str, Any] = dict(zip(names, jax.tree.leaves(draws.position), strict=True))
    arrays |= {name: getattr(draws, name) for name in ("free", "log_p", "log_q", "weights")}
    # numpy appends .npz to names, not to open files.
    with replaced(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **jax.device_get(arrays))


def diagnose(arguments: argparse.Namespace) -> None:
    """Prints the summary and a diagnosis."""
    result = _loaded(arguments.directory, target_in(arguments.directory))
    print(f"{result.summary()}\n\n{result.diagnose(arguments.seed, arguments.num_samples)}")


def plot(arguments: argparse.Namespace) -> None:
    """Draws the report again."""
    path = arguments.directory / REPORT if arguments.out is None else arguments.out
    target = target_in(arguments.directory)
    result = _loaded(arguments.directory, target)
    draw_report(result, target, path)
    print(f"the report is {path}")


def draw_report(result: TrainResult, target: Any, path: Path) -> None:
    """Writes the report of a result, by the density of free coordinates if there are any."""
    density: Any = target if result.layout is None else result.target
    figures.report(result, density, path)


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Writes the record of ``fit --out``, unless another run is writing to the directory.

    Raises:
        OSError: the directory cannot be written, or another run writes to it.
        ValueError: the disk is full, or the like.
    """
    with locked("--out", directory):
        try:
            write_text(directory / RECORD, f"{json.dumps(record, indent=2)}\n")
        except OSError as error:
            raise ValueError(
                f"--out {directory}: cannot write there ({error.strerror or error}); choose "
                f"another directory"
            ) from error


def record_in(directory: Path) -> dict[str, Any]:
    """Returns what ``fit --out`` recorded of its arguments.

    Raises:
        FileNotFoundError: there is no record.
        PermissionError: it may not be read.
        ValueError: it is damaged.
    """
    path = directory / RECORD
    require_directory(directory)
    check_readable(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}, which names the target and is written by `gmmvi-jax fit --out "
            f"DIR`. {_without_record(directory)}"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record["target"], str):
            raise TypeError("target is no text")
    except (KeyError, TypeError, ValueError) as error:
        raise damaged_record(directory, f"{type(error).__name__}: {error}") from error
    return record


def require_directory(directory: Path) -> None:
    """Raises FileNotFoundError if there is no such directory."""
    if not directory.is_dir():
        raise FileNotFoundError(
            f"there is no directory {directory}; give the one that `gmmvi-jax fit --out DIR` wrote"
        )


def _loaded(directory: Path, target: Any = None) -> TrainResult:
    """Returns the run of a directory.

    Raises:
        FileNotFoundError: there is none, or it ended before its first iterations did.
    """
    require_directory(directory)
    if (directory / RECORD).is_file() and not has_run(directory) and not is_lost(directory):
        raise FileNotFoundError(
            f"the run in {directory} ended before its first iterations did; `gmmvi-jax resume "
            f"{directory}` begins it again"
        )
    return load(directory, target)


def _path_of(given: Path | None, default: Path) -> Path:
    """Returns where a file is written.

    Raises:
        ValueError: its name ends as that of another kind of file.
    """
    if given is None:
        return default
    if given.suffix and given.suffix.lower() != default.suffix:
        raise ValueError(f"--out {given}: a file of this kind ends in {default.suffix}")
    return given


def damaged_record(directory: Path, reason: str) -> ValueError:
    """Returns an error about a record, and what to do without it."""
    path = directory / RECORD
    return ValueError(f"{path} is damaged ({reason}). {_without_record(directory)}")


def _without_record(directory: Path) -> str:
    """Returns what to do where the record does not serve."""
    again = (
        f"begin the same fit with another --out, end it with Ctrl-C after its first iterations, "
        f"and copy its {RECORD} to {directory}"
    )
    if not has_run(directory):
        return f"To make it, {again}."
    return (
        f"The run itself is there: in Python gmmvi_jax.load({str(directory)!r}, log_density) reads "
        f"it. To make the record again, {again}."
    )


def target_in(directory: Path) -> Any:
    """Returns the target that a directory's record names."""
    record = record_in(directory)
    name = record["target"]
    return load_function(name) if is_file_target(name) else targets.get(name, record["seed"])
