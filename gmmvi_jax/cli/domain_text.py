"""Domains on the command line: the value of ``--domain``."""

import inspect
import json
from typing import Any

from gmmvi_jax import domains
from gmmvi_jax.domains import Domain
from gmmvi_jax.near_names import did_you_mean

_NAMES = [name for name in domains.__all__ if name != "Domain"]


def domain_from_json(given: Any, place: str = "") -> Any:
    """Returns the domains that a user wrote.

    Args:
        given: a name of ``gmmvi_jax.domains``; a list of a name and its arguments; or a dict from
            parts of a position to such values, or to such dicts.
        place: the part of the position, for messages.

    Raises:
        ValueError: a name is unknown, or its arguments do not fit.
    """
    if isinstance(given, dict):
        return {
            name: domain_from_json(own, f"{place}.{name}" if place else name)
            for name, own in given.items()
        }
    name, *arguments = given if isinstance(given, list) and given else [given]
    told = f"--domain {f'of {place}: ' if place else ''}{json.dumps(given)}"
    if name not in _NAMES:
        near = did_you_mean(name, _NAMES)
        raise ValueError(
            f"{told}: there is no domain {name!r}{near} Domains are {', '.join(_NAMES)}."
        )
    domain = getattr(domains, name)
    if isinstance(domain, Domain):
        if arguments:
            raise ValueError(f"{told}: {name} takes no arguments; write {json.dumps(name)}")
        return domain
    try:
        inspect.signature(domain).bind(*arguments)
    except TypeError as error:
        right = ", ".join([json.dumps(name), *inspect.signature(domain).parameters])
        raise ValueError(f"{told}: {name} has other arguments; write [{right}]") from error
    try:
        return domain(*arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{told}: {error}") from error
