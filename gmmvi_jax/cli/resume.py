"""``gmmvi-jax resume``: goes on with a run of ``gmmvi-jax fit --out``, whatever ended it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gmmvi_jax.cli.fit import chooses, plan_of, tell
from gmmvi_jax.cli.saved import record_in, target_in
from gmmvi_jax.plotting import figures
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.result_files import load
from gmmvi_jax.training.run_directory import has_run
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.stopping import (
    Convergence,
    EvaluationBudget,
    StoppingRule,
    TimeLimit,
    evaluations_spent,
)
from gmmvi_jax.training.train import train

_ENDED = (Status.COMPLETED, Status.CONVERGED, Status.SPENT, Status.DIVERGED)


def resume(arguments: argparse.Namespace) -> Ending:
    """Goes on from where a run ended, or was killed, and keeps it in its directory.

    One that was killed or interrupted goes on as it was begun, unless the arguments say how far.

    Returns:
        The ending of the run.
    """
    directory: Path = arguments.directory
    figures.new_figure(1.0, 1.0)  # raises if matplotlib is missing
    asked = _asked(directory)
    begun = load(directory) if has_run(directory) else None
    if begun is None or (chooses(asked) and arguments.iterations is None):
        _set_limits(asked, arguments, begun)
        plan = plan_of(asked)
        return tell(asked, plan.target, plan.run(resume=directory))
    target = target_in(directory)
    return tell(asked, target, _train_on(arguments, target, begun))


def _asked(directory: Path) -> argparse.Namespace:
    """Returns the arguments of the ``fit`` that began the run."""
    record = record_in(directory)
    names = ("target", "dim", "published", "budget", "seconds", "tolerance", "seed", "diagonal")
    names += ("max_components", "domain", "prior_mean", "prior_scale")
    missing = [name for name in (*names, "codename", "num_iterations") if name not in record]
    if missing:
        raise ValueError(f"the record in {directory} has no {', '.join(missing)}: it is damaged.")
    return argparse.Namespace(
        **{name: record[name] for name in names},
        variant=record["codename"],
        iterations=record["num_iterations"],
        set=[f"{name}={value!r}" for name, value in record["settings"].items()],
        quiet=False,
        out=directory,
    )


def _says_how_far(arguments: argparse.Namespace) -> bool:
    limits = ("iterations", "budget", "seconds", "tolerance")
    return any(getattr(arguments, name) is not None for name in limits)


def _set_limits(
    asked: argparse.Namespace, arguments: argparse.Namespace, begun: TrainResult | None
) -> None:
    """Replaces the limits of a run, if others are given or it has reached them."""
    if begun is None:
        for name in ("iterations", "budget", "seconds", "tolerance"):
            if getattr(arguments, name) is not None:
                setattr(asked, name, getattr(arguments, name))
        return
    if begun.status not in _ENDED and not _says_how_far(arguments):
        return
    asked.budget, asked.seconds = _from_the_beginning(arguments, begun)
    if arguments.tolerance is not None:
        asked.tolerance = arguments.tolerance


def _from_the_beginning(
    arguments: argparse.Namespace, begun: TrainResult
) -> tuple[int | None, float | None]:
    """Returns evaluations and seconds as the rules count them; the arguments mean from here on."""
    last: dict[str, Any] = {name: column[-1].item() for name, column in begun.history.items()}
    budget, seconds = arguments.budget, arguments.seconds
    return (
        None if budget is None else evaluations_spent(last) + budget,
        None if seconds is None else last["wall_time"] + seconds,
    )


def _train_on(arguments: argparse.Namespace, target: Any, begun: TrainResult) -> TrainResult:
    """Goes on with the run of a variant; one that has ended goes on until it has converged."""
    config, directory = begun.config, arguments.directory
    until: list[StoppingRule] = []
    if begun.status in _ENDED or _says_how_far(arguments):
        num_more = arguments.iterations
        if num_more is None:
            num_more = config.run.num_iterations
            until = [Convergence(0.05 if arguments.tolerance is None else arguments.tolerance)]
        budget, seconds = _from_the_beginning(arguments, begun)
        until += [] if budget is None else [EvaluationBudget(budget)]
        until += [] if seconds is None else [TimeLimit(seconds)]
        config = config.replace(num_iterations=int(begun.history["iteration"][-1]) + num_more)
    progress = sys.stderr.isatty()
    return train(config, target, resume=directory, until=until, progress=progress)
