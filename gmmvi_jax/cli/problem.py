"""What a command line asks to fit: a target of the package, or a function in a file."""

import argparse
import json
from typing import Any

from gmmvi_jax import targets
from gmmvi_jax.cli.domain_text import domain_from_json
from gmmvi_jax.cli.user_target import is_file_target, load_function
from gmmvi_jax.typing import LogDensity


def problem_of(arguments: argparse.Namespace) -> tuple[LogDensity, Any, dict[str, Any]]:
    """Returns the target, its dimensions or position, and where its fit starts."""
    return (_in_file if is_file_target(arguments.target) else _named)(arguments)


def _named(arguments: argparse.Namespace) -> tuple[LogDensity, int, dict[str, Any]]:
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
        "diagonal": arguments.diagonal
        or (arguments.rank is None and getattr(target, "prefers_diagonal", False)),
        **_form(arguments),
    }
    return target, target.dim, start


def _in_file(arguments: argparse.Namespace) -> tuple[LogDensity, Any, dict[str, Any]]:
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
    return function, example, {**given, "diagonal": arguments.diagonal, **_form(arguments)}


def _form(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns what the components are."""
    return {name: getattr(arguments, name) for name in ("rank", "components", "degrees")}


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
