"""``gmmvi-jax fit``: from command-line arguments to a fit and its files."""

import argparse
import ast
import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax import targets
from gmmvi_jax.cli.user_target import is_file_target, load_function
from gmmvi_jax.config import Config
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.check import check_target
from gmmvi_jax.plotting import figures
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.train import train
from gmmvi_jax.typing import LogDensity
from gmmvi_jax.variants.codenames import codename_of
from gmmvi_jax.variants.configurations import from_codename
from gmmvi_jax.variants.published import published_config

_OWN_OPTIONS = {
    "codename": "--variant",
    "dim": "--dim",
    "num_iterations": "--iterations",
    "seed": "--seed",
    "max_components": "--max-components",
}


def fit(arguments: argparse.Namespace) -> Ending:
    """Runs a fit, prints the summary and diagnosis, and writes the files.

    Errors in the arguments, the target or the directory are raised before training. A run that
    fails or is interrupted later is reported and written like a completed one.

    Returns:
        The ending of the run.

    Raises:
        ValueError, TypeError, OSError, ImportError, FloatingPointError: with a message for the
            user.
    """
    settings = _parse_settings(arguments.set)
    arguments.variant = codename_of(arguments.variant)
    problem = _file_problem if is_file_target(arguments.target) else _named_problem
    target, config = problem(arguments, settings)
    estimator = config.algorithm.natural_gradient
    check_target(as_log_density(target), config.dim, jnp.result_type(float), estimator)
    record = json.dumps(_record(arguments, settings, config), indent=2) + "\n"
    with _prepared(arguments.out):
        result = train(config, target, progress=True)
    print(result.summary())
    if arguments.out is not None:
        _write(arguments.out, result, record)
    if result.status is Status.FAILED:
        return result.ending  # no diagnosis, since the target may have failed
    print(f"\n{result.diagnose()}")
    if arguments.out is not None:
        figures.report(result, target, arguments.out / "report.png")
        print(f"\ngmm.npz, history.csv, config.json and report.png are in {arguments.out}")
    return result.ending


def _parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Returns the settings given as ``--set name=value``, with values parsed as Python literals."""
    settings = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name.isidentifier() and equals):
            raise ValueError(f"--set {pair}: write it as name=value, e.g. --set add_iters=20")
        if name in _OWN_OPTIONS:
            raise ValueError(f"--set {pair}: use {_OWN_OPTIONS[name]} {text}")
        try:
            settings[name] = ast.literal_eval(text.strip())
            json.dumps(settings[name], allow_nan=False)  # config.json must be able to hold it
        except (ValueError, SyntaxError, TypeError) as error:
            raise ValueError(
                f"--set {pair}: {text!r} is not a value; give a number, True, False, None, or a "
                f"list of numbers such as [1, 0.2]"
            ) from error
    return settings


def _named_problem(
    arguments: argparse.Namespace, settings: dict[str, Any]
) -> tuple[LogDensity, Config]:
    """Returns one of the package's targets and the configuration of its fit."""
    target = targets.get(arguments.target, arguments.seed)
    for option in ("dim", "prior_mean", "prior_scale"):
        if getattr(arguments, option) is not None:
            raise ValueError(
                f"--{option.replace('_', '-')} {getattr(arguments, option)} is for functions in "
                f"files; {target.name} brings its own, leave it out"
            )
    run = _run_settings(arguments)
    if arguments.published:
        return target, published_config(arguments.variant, target.name, **run, **settings)
    start = {
        "prior_mean": target.prior_mean,
        "prior_scale": target.prior_scale,
        "initial_covariance": target.initial_covariance,
        # For networks, whose dimension is in the thousands.
        "diagonal": getattr(target, "prefers_diagonal", False),
    }
    return target, from_codename(arguments.variant, target.dim, **run, **{**start, **settings})


def _file_problem(
    arguments: argparse.Namespace, settings: dict[str, Any]
) -> tuple[LogDensity, Config]:
    """Returns a user's function and the configuration of its fit."""
    if arguments.published:
        raise ValueError(
            f"--published is for the study's targets, not for {arguments.target}; leave it out"
        )
    function = load_function(arguments.target)
    dim = arguments.dim if arguments.dim is not None else getattr(function, "dim", None)
    if dim is None:
        raise ValueError(
            f"{arguments.target} needs --dim D, the number of its dimensions, or an attribute dim"
        )
    start = {
        "prior_mean": 0.0 if arguments.prior_mean is None else arguments.prior_mean,
        "prior_scale": 1.0 if arguments.prior_scale is None else arguments.prior_scale,
    }
    run = _run_settings(arguments)
    return function, from_codename(arguments.variant, dim, **run, **{**start, **settings})


def _run_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "num_iterations": arguments.iterations,
        "seed": arguments.seed,
        "max_components": arguments.max_components,
    }


@contextlib.contextmanager
def _prepared(directory: Path | None) -> Iterator[None]:
    """Creates the directory and tests that it is writable, before the run.

    It is removed again if the run does not start.
    """
    if directory is None:
        yield
        return
    figures.new_figure(1.0, 1.0)  # raises if matplotlib is missing
    is_new = not directory.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ValueError(
            f"--out {directory}: cannot write there ({error.strerror}); choose another directory"
        ) from error
    try:
        yield
    except BaseException:
        if is_new:
            directory.rmdir()
        raise


def _record(
    arguments: argparse.Namespace, settings: dict[str, Any], config: Config
) -> dict[str, Any]:
    """Returns the JSON record that reproduces the run."""
    target = arguments.target
    if is_file_target(target):
        target = str(Path(target).resolve())
    return {
        "target": target,
        "dim": config.dim,
        "codename": arguments.variant,
        "published": arguments.published,
        "num_iterations": config.run.num_iterations,
        "seed": config.run.seed,
        "max_components": config.algorithm.max_components,
        "prior_mean": arguments.prior_mean,
        "prior_scale": arguments.prior_scale,
        "settings": settings,
        "versions": {name: metadata.version(name) for name in ("gmmvi_jax", "jax", "jaxlib")},
        "device": jax.devices()[0].device_kind,
        "dtype": str(jnp.result_type(float)),
    }


def _write(directory: Path, result: TrainResult, record: str) -> None:
    result.gmm.save(directory / "gmm.npz")
    result.save_history(directory / "history.csv")
    (directory / "config.json").write_text(record, encoding="utf-8")
