"""``gmmvi-jax fit``: from command-line arguments to a fit and its files."""

import argparse
import ast
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax import targets
from gmmvi_jax.cli.domain_text import domain_from_json
from gmmvi_jax.cli.saved import RECORD, REPORT, draw_report
from gmmvi_jax.cli.user_target import is_file_target, load_function
from gmmvi_jax.config import Config
from gmmvi_jax.densities.check import check_target
from gmmvi_jax.files.replacing import write_text
from gmmvi_jax.plotting import figures
from gmmvi_jax.training.arguments import as_target
from gmmvi_jax.training.fit import fit as choose_and_fit
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
    problem = _file_problem if is_file_target(arguments.target) else _named_problem
    target, dim, start = problem(arguments)
    if _chooses(arguments):
        with_progress = _run_of_choice(arguments, target, dim, start)
    else:
        with_progress = _run_of_variant(arguments, target, dim, start, settings)
    with _prepared(arguments.out):
        result = with_progress()
    if not arguments.quiet:
        print(result.summary())
    if arguments.out is not None:
        record = json.dumps(_record(arguments, settings, result.config), indent=2) + "\n"
        _write(arguments.out, result, record)
    if result.status is Status.FAILED:
        return result.ending  # no diagnosis, since the target may have failed
    if not arguments.quiet:
        print(f"\n{result.diagnose()}")
    if arguments.out is not None:
        draw_report(result, target, arguments.out / REPORT)
        print(f"\ngmm.npz, history.csv, {RECORD}, {REPORT} and the state are in {arguments.out}")
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


def _chooses(arguments: argparse.Namespace) -> bool:
    """Returns whether no variant is asked for, in any way."""
    is_asked = arguments.published or arguments.set
    return not is_asked and arguments.variant is None and arguments.iterations is None


def _named_problem(arguments: argparse.Namespace) -> tuple[LogDensity, int, dict[str, Any]]:
    """Returns one of the package's targets, its dimensions, and where its fit starts."""
    target = targets.get(arguments.target, arguments.seed)
    for option in ("dim", "domain", "prior_mean", "prior_scale"):
        if getattr(arguments, option) is not None:
            raise ValueError(
                f"--{option.replace('_', '-')} {getattr(arguments, option)} is for functions in "
                f"files; {target.name} brings its own, leave it out"
            )
    start = {
        "prior_mean": target.prior_mean,
        "prior_scale": target.prior_scale,
        # For networks, whose dimension is in the thousands.
        "diagonal": arguments.diagonal or getattr(target, "prefers_diagonal", False),
    }
    return target, target.dim, start


def _file_problem(arguments: argparse.Namespace) -> tuple[LogDensity, Any, dict[str, Any]]:
    """Returns a user's function, its dimensions or position, and where its fit starts."""
    if arguments.published:
        raise ValueError(
            f"--published is for the study's targets, not for {arguments.target}; leave it out"
        )
    function = load_function(arguments.target)
    example = arguments.dim
    for name in ("position", "dim"):
        example = getattr(function, name, None) if example is None else example
    if example is None:
        raise ValueError(
            f"{arguments.target} needs --dim D, the number of its dimensions, or an attribute dim "
            f"or position"
        )
    given = {name: getattr(arguments, name) for name in ("prior_mean", "prior_scale")}
    given = {name: value for name, value in given.items() if value is not None}
    given["domain"] = _domain(arguments, function, example)
    return function, example, {**given, "diagonal": arguments.diagonal}


def _domain(arguments: argparse.Namespace, function: Any, example: Any) -> Any:
    """Returns what ``--domain`` says, or else the domain of a user's function."""
    if arguments.domain is None:
        return getattr(function, "domain", None)
    domain = domain_from_json(arguments.domain)
    if isinstance(domain, dict) and isinstance(example, int):
        raise ValueError(
            f"--domain {json.dumps(arguments.domain)} names parts of a position, but that of "
            f"{arguments.target} is a vector; give one domain, or the function an attribute "
            f"position, such as {{'{next(iter(domain), 'sigma')}': 1.0}}"
        )
    return domain


def _run_of_choice(
    arguments: argparse.Namespace, target: LogDensity, dim: Any, start: dict[str, Any]
) -> Callable[[], TrainResult]:
    """Returns what runs ``gmmvi_jax.fit``."""
    return partial(
        choose_and_fit,
        target,
        dim,
        seed=arguments.seed,
        max_components=arguments.max_components,
        tolerance=arguments.tolerance,
        verbose=not arguments.quiet,
        budget=arguments.budget,
        seconds=arguments.seconds,
        progress=sys.stderr.isatty(),
        **start,
    )


def _run_of_variant(
    arguments: argparse.Namespace,
    target: LogDensity,
    dim: Any,
    start: dict[str, Any],
    settings: dict[str, Any],
) -> Callable[[], TrainResult]:
    """Returns what trains a variant; the config and the target are checked."""
    for option in ("budget", "seconds"):
        if getattr(arguments, option) is not None:
            raise ValueError(
                f"--{option} {getattr(arguments, option)} is for fits without --variant, "
                f"--published, --set and --iterations; leave it out, or those"
            )
    arguments.variant = codename_of(arguments.variant or "SAMTRON")
    run = {
        "num_iterations": 500 if arguments.iterations is None else arguments.iterations,
        "seed": arguments.seed,
        "max_components": arguments.max_components,
    }
    if arguments.published:
        config = published_config(arguments.variant, getattr(target, "name", ""), **run, **settings)
    else:
        own = {"initial_covariance": getattr(target, "initial_covariance", None), **start}
        config = from_codename(arguments.variant, dim, **run, **{**own, **settings})
    estimator = config.algorithm.natural_gradient
    check_target(as_target(target, config), config.dim, jnp.result_type(float), estimator)
    return partial(train, config, target, progress=sys.stderr.isatty())


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
        "codename": arguments.variant,  # None: gmmvi_jax.fit chose
        "published": arguments.published,
        "budget": arguments.budget,
        "seconds": arguments.seconds,
        "num_iterations": config.run.num_iterations,
        "seed": config.run.seed,
        "max_components": config.algorithm.max_components,
        "domain": arguments.domain,  # None: that of the function
        "prior_mean": arguments.prior_mean,
        "prior_scale": arguments.prior_scale,
        "settings": settings,
        "versions": {name: metadata.version(name) for name in ("gmmvi_jax", "jax", "jaxlib")},
        "device": jax.devices()[0].device_kind,
        "dtype": str(jnp.result_type(float)),
    }


def _write(directory: Path, result: TrainResult, record: str) -> None:
    result.save(directory)
    write_text(directory / RECORD, record)
