"""``gmmvi-jax fit``: from command-line arguments to a fit and its files."""

import argparse
import ast
import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.cli.problem import problem_of
from gmmvi_jax.cli.saved import RECORD, REPORT, draw_report, write_record
from gmmvi_jax.cli.user_target import is_file_target
from gmmvi_jax.config import Config
from gmmvi_jax.densities.check import check_target
from gmmvi_jax.plotting import figures
from gmmvi_jax.training.arguments import as_target
from gmmvi_jax.training.fit import fit as choose_and_fit
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.run_directory import has_run, is_lost, lost_run
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


class Plan(NamedTuple):
    """What is going to be run.

    Attributes:
        target: the log density.
        run: with ``checkpoint=`` or ``resume=``, to the result.
        record: of the arguments, from which ``gmmvi-jax resume`` makes the plan again.
    """

    target: LogDensity
    run: Callable[..., TrainResult]
    record: dict[str, Any]


def fit(arguments: argparse.Namespace) -> Ending:
    """Runs a fit, which is kept in its directory from the start, and tells of it.

    Errors in the arguments, the target or the directory are raised before training. A run that
    fails or is interrupted later is reported and written like a completed one.

    Returns:
        The ending of the run.

    Raises:
        ValueError, TypeError, OSError, ImportError, FloatingPointError: with a message for the
            user.
    """
    plan = plan_of(arguments)
    with _prepared(arguments.out, plan.record):
        result = plan.run(checkpoint=arguments.out)
    return tell(arguments, plan.target, result)


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Returns what the arguments of ``fit`` ask for; the config and the target are checked."""
    settings = _parse_settings(arguments.set)
    place = _place_of(arguments.target)  # before its file runs, which may change the directory
    target, dim, start = problem_of(arguments)
    if chooses(arguments):
        run, config = _run_of_choice(arguments, target, dim, start), None
    else:
        run, config = _run_of_variant(arguments, target, dim, start, settings)
    return Plan(target, run, {"target": place, **_record(arguments, settings, config)})


def tell(arguments: argparse.Namespace, target: LogDensity, result: TrainResult) -> Ending:
    """Prints the summary and diagnosis of a run, and draws its report; returns its ending."""
    if not arguments.quiet:
        print(result.summary())
    if result.status is Status.FAILED:
        return result.ending  # no diagnosis, since the target may have failed
    if not arguments.quiet:
        print(f"\n{result.diagnose()}")
    if arguments.out is not None:
        draw_report(result, target, arguments.out / REPORT)
        print(f"\ngmm.npz, history.csv, {RECORD}, {REPORT} and the state are in {arguments.out}")
        if result.status is Status.INTERRUPTED:
            print(f"`gmmvi-jax resume {arguments.out}` goes on with the run")
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


def chooses(arguments: argparse.Namespace) -> bool:
    """Returns whether no variant is asked for, in any way."""
    is_asked = arguments.published or arguments.set
    return not is_asked and arguments.variant is None and arguments.iterations is None


def _run_of_choice(
    arguments: argparse.Namespace, target: LogDensity, dim: Any, start: dict[str, Any]
) -> Callable[..., TrainResult]:
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
) -> tuple[Callable[..., TrainResult], Config]:
    """Returns what trains a variant, and its config; it and the target are checked."""
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
    return partial(train, config, target, progress=sys.stderr.isatty()), config


@contextlib.contextmanager
def _prepared(directory: Path | None, record: dict[str, Any]) -> Iterator[None]:
    """Creates the directory with the record in it, before the run.

    It is removed again if the run ends before there is anything to keep.
    """
    if directory is None:
        yield
        return
    figures.new_figure(1.0, 1.0)  # raises if matplotlib is missing
    if has_run(directory):
        raise ValueError(
            f"--out {directory}: there is a run in it; `gmmvi-jax resume {directory}` goes on with "
            f"it, or choose another directory"
        )
    if is_lost(directory):
        raise ValueError(f"--out {directory}: {lost_run(directory)}")
    is_new = not directory.exists()
    try:
        write_record(directory, record)
        yield
    except BlockingIOError:
        raise  # what is there is another run's, which has not come to its first snapshot
    except BaseException:
        if is_new and directory.is_dir() and not has_run(directory):
            shutil.rmtree(directory)
        raise


def _place_of(target: str) -> str:
    """Returns the name of a target; that of a file from the root."""
    return str(Path(target).resolve()) if is_file_target(target) else target


def _record(
    arguments: argparse.Namespace, settings: dict[str, Any], config: Config | None
) -> dict[str, Any]:
    """Returns the JSON record that reproduces the run; None is what ``gmmvi_jax.fit`` chooses."""
    return {
        "dim": arguments.dim,  # None: that of the target
        "codename": arguments.variant,
        "published": arguments.published,
        "budget": arguments.budget,
        "seconds": arguments.seconds,
        "tolerance": arguments.tolerance,
        "num_iterations": None if config is None else config.run.num_iterations,
        "seed": arguments.seed,
        "max_components": arguments.max_components
        if config is None
        else config.algorithm.max_components,
        "diagonal": arguments.diagonal,
        "rank": arguments.rank,
        "components": arguments.components,
        "degrees": arguments.degrees,
        "domain": arguments.domain,  # None: that of the function
        "prior_mean": arguments.prior_mean,
        "prior_scale": arguments.prior_scale,
        "settings": settings,
        "versions": {name: metadata.version(name) for name in ("gmmvi_jax", "jax", "jaxlib")},
        "device": jax.devices()[0].device_kind,
        "dtype": str(jnp.result_type(float)),
    }
