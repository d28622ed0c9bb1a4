"""``gmmvi-jax resume``: goes on with a run of ``gmmvi-jax fit --out``, whatever ended it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gmmvi_jax.cli.fit import chooses, plan_of, tell
from gmmvi_jax.cli.saved import damaged_record, record_in, target_in, write_record
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

_ENDED = (Status.COMPLETED, Status.CONVERGED, Status.SPENT)


def resume(arguments: argparse.Namespace) -> Ending:
    """Goes on from where a run ended, or was killed, and keeps it in its directory.

    Without limits it completes what was asked for, and no more: one that had ended lacks at most
    its diagnosis and its report. Limits are from here on.

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
        if _says_how_far(arguments):  # what is killed from now on is completed as far as that
            write_record(directory, plan.record)
        target, result = plan.target, plan.run(resume=directory)
    else:
        target = target_in(directory)
        result = _train_on(arguments, target, begun)
    ending = tell(asked, target, result)
    if begun is not None and begun.status in _ENDED and _reached(result) == _reached(begun):
        print(
            f"the run had ended ({begun.status}), {_why_no_more(arguments, begun)}; "
            f"`gmmvi-jax resume {directory} --iterations N` takes N more"
        )
    return ending


def _why_no_more(arguments: argparse.Namespace, begun: TrainResult) -> str:
    """Returns why a run that had ended did not go on."""
    if not _says_how_far(arguments):
        return "nothing was left to do"
    if begun.status == Status.CONVERGED and arguments.tolerance is None:
        return "and has still converged; a smaller --tolerance goes on"
    return "and what these limits leave is too little for another iteration"


def _reached(result: TrainResult) -> int:
    """Returns the number of iterations of a run."""
    return int(result.history["iteration"][-1])


def _asked(directory: Path) -> argparse.Namespace:
    """Returns the arguments of the ``fit`` that began the run."""
    record = record_in(directory)
    names = ("target", "dim", "published", "budget", "seconds", "tolerance", "seed", "diagonal")
    names += ("max_components", "domain", "prior_mean", "prior_scale")
    needed = (*names, "codename", "num_iterations", "settings")
    missing = [name for name in needed if name not in record]
    if missing or not isinstance(record["settings"], dict):
        raise damaged_record(directory, f"it has no {', '.join(missing) or 'settings'}")
    return argparse.Namespace(
        **{name: record[name] for name in names},
        variant=record["codename"],
        iterations=record["num_iterations"],
        set=[f"{name}={value!r}" for name, value in record["settings"].items()],
        rank=record.get("rank"),  # runs of before have none
        components=record.get("components", "gaussian"),
        degrees=record.get("degrees"),
        quiet=False,
        out=directory,
    )


def _says_how_far(arguments: argparse.Namespace) -> bool:
    limits = ("iterations", "budget", "seconds", "tolerance")
    return any(getattr(arguments, name) is not None for name in limits)


def _set_limits(
    asked: argparse.Namespace, arguments: argparse.Namespace, begun: TrainResult | None
) -> None:
    """Replaces the limits of a run, if others are given."""
    if begun is None:
        for name in ("iterations", "budget", "seconds", "tolerance"):
            if getattr(arguments, name) is not None:
                setattr(asked, name, getattr(arguments, name))
        return
    if not _says_how_far(arguments):
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
    """Goes on with the run of a variant."""
    config, directory = begun.config, arguments.directory
    until: list[StoppingRule] = []
    if _says_how_far(arguments):
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
