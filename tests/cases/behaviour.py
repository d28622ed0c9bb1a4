"""A row of the table of cases that is about behaviour: a use, and what must come of it."""

import dataclasses
import re
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from gmmvi_jax.training.chunk import num_compilations


class Check(NamedTuple):
    """One thing that must hold.

    Attributes:
        right: what must hold, in words.
        found: what came out.
        passed: whether it holds.
    """

    right: str
    found: str
    passed: bool


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """A use of the library.

    Attributes:
        name: of the row.
        check: does it, and yields what was found.
        float64: whether it runs in double precision.
    """

    name: str
    check: Callable[[], Iterator[Check]]
    float64: bool = False


def check_behaviour(behaviour: Behaviour) -> dict[str, Any]:
    """Returns what came of a row, for JSON; runs it in this process."""
    if behaviour.float64:
        jax.config.update("jax_enable_x64", True)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks = [*behaviour.check()]
    return {
        "row": behaviour.name,
        "variant": "use",
        "checks": [check._asdict() for check in checks],
        "passed": all(check.passed for check in checks),
        "seconds": time.perf_counter() - start,
    }


def refusal(
    what: str,
    kind: type[Exception],
    pattern: str,
    function: Callable[[], Any],
    *,
    early: bool = True,
) -> Check:
    """Checks that a call raises an error that names the cause and the cure.

    Args:
        what: is called, in words.
        kind: of the error.
        pattern: of its text.
        function: the call.
        early: whether it must come before a program for steps is compiled.
    """
    before = num_compilations()
    right = f"{what}: {kind.__name__} /{pattern}/"
    try:
        function()
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        fits = type(error) is kind and re.search(pattern, str(error)) is not None
        if early and num_compilations() > before:
            return Check(right, f"after compiling: {found}", False)
        return Check(right, found, fits)
    return Check(right, "no error", False)


def warnings_of(function: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Returns what a call returns, and the texts that it warns with."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function()
    return result, [str(one.message) for one in caught]
