"""Commands on the directory that ``gmmvi-jax fit --out`` wrote: sample, diagnose, plot, resume."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from gmmvi_jax import targets
from gmmvi_jax.cli.user_target import is_file_target, load_function
from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.plotting import figures
from gmmvi_jax.training.history_files import csv_line
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.result_files import load
from gmmvi_jax.training.status import Ending
from gmmvi_jax.training.stopping import Convergence, EvaluationBudget, StoppingRule, TimeLimit
from gmmvi_jax.training.train import train

RECORD = "config.json"
REPORT = "report.png"


def sample(arguments: argparse.Namespace) -> None:
    """Writes samples of the mixture as CSV, to a file or to stdout."""
    result = load(arguments.directory)
    points = np.asarray(result.gmm.sample(arguments.seed, arguments.num_samples))
    names = _names(result.layout, points.shape[1])
    values = points if result.layout is None else result.layout.values(points)
    lines = [csv_line(names), *map(csv_line, values.tolist())]
    text = "\n".join(lines) + "\n"
    if arguments.csv is None:
        sys.stdout.write(text)
    else:
        arguments.csv.write_text(text, encoding="utf-8")
        print(f"{arguments.num_samples:,} samples are in {arguments.csv}")


def _names(layout: PositionLayout | None, dim: int) -> list[str]:
    return [f"x[{row}]" for row in range(dim)] if layout is None else layout.value_names


def diagnose(arguments: argparse.Namespace) -> None:
    """Prints the summary and a diagnosis."""
    result = load(arguments.directory, _target(arguments.directory))
    print(f"{result.summary()}\n\n{result.diagnose(arguments.seed, arguments.num_samples)}")


def plot(arguments: argparse.Namespace) -> None:
    """Draws the report again."""
    target = _target(arguments.directory)
    result = load(arguments.directory, target)
    path = arguments.directory / REPORT if arguments.out is None else arguments.out
    draw_report(result, target, path)
    print(f"the report is {path}")


def draw_report(result: TrainResult, target: Any, path: Path) -> None:
    """Writes the report of a result, by the density of free coordinates if there are any."""
    density: Any = target if result.layout is None else result.target
    figures.report(result, density, path)


def resume(arguments: argparse.Namespace) -> Ending:
    """Goes on from where a run ended, and writes its directory anew.

    Returns:
        The ending of the run.
    """
    directory: Path = arguments.directory
    target = _target(directory)
    result = load(directory, target)
    config = result.config
    until: list[StoppingRule] = []
    if arguments.iterations is not None:
        config = config.replace(num_iterations=arguments.iterations)
    else:
        until = [Convergence(arguments.tolerance)]
    until += [] if arguments.budget is None else [EvaluationBudget(arguments.budget)]
    until += [] if arguments.seconds is None else [TimeLimit(arguments.seconds)]
    result = train(config, target, initial=result, until=until, progress=sys.stderr.isatty())
    print(result.summary())
    result.save(directory)
    print(f"\nthe result is in {directory}")
    return result.ending


def _target(directory: Path) -> Any:
    """Returns the target that a directory's record names."""
    path = directory / RECORD
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}, which names the target; `gmmvi-jax fit --out DIR` writes it"
        )
    record = json.loads(path.read_text(encoding="utf-8"))
    name = record["target"]
    return load_function(name) if is_file_target(name) else targets.get(name, record["seed"])
