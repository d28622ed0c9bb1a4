"""A row of the table of cases in at most 100 columns."""

import textwrap
from collections.abc import Iterator
from typing import Any

from .case import Case
from .judge import Judgement

WIDTH = 100
_INDENT = " " * 4


def row_lines(case: Case, figures: dict[str, Any], judgement: Judgement) -> Iterator[str]:
    """Yields what came out beside what is right."""
    head = f"{case.name}  {figures['variant']}  start {case.start}  seed {figures['seed']}"
    yield headline(head, judgement.passed)
    if "error" in figures:
        kind, text = figures["error"]
        yield from wrapped(f"{kind}: {_cut(text, 240)}")
    else:
        yield from _result_lines(case, figures)
    for text in figures["warnings"]:
        yield from wrapped(f"warned: {_cut(text, 160)}")
    yield from wrapped(f"{judgement.reason}; {figures['seconds']:.1f} s")


def headline(text: str, passed: bool) -> str:
    """Returns the first line of a row."""
    return f"{text:<{WIDTH - 5}} {'PASS' if passed else 'FAIL'}"


def wrapped(text: str) -> list[str]:
    """Returns an indented paragraph."""
    return textwrap.wrap(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT + "  ")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "..."


def _result_lines(case: Case, figures: dict[str, Any]) -> Iterator[str]:
    right = "unknown" if case.log_z is None else f"{case.log_z:.4f}"
    parts = [
        f"log Z {figures['log_z']:.4f} +- {figures['log_z_error']:.4f} (right {right})",
        f"outside {figures['outside_share']:.2%}",
        f"{figures['evaluations']:,} evaluations",
        f"K {figures['components']}",
    ]
    yield from wrapped(", ".join(parts))
    found = [
        f"{asked.name} {figures['asked'][asked.name]:.3f} ({asked.right:.3f} +- {asked.within:g})"
        for asked in case.asked
    ]
    if found:
        yield from wrapped("; ".join(found))
    reason = f", {figures['reason']}" if figures["reason"] else ""
    yield from wrapped(f"{figures['status']}{reason}; verdict: {figures['verdict']}")
    for text, is_serious in figures["concerns"]:
        yield from wrapped(f"{'serious' if is_serious else 'concern'}: {text}")
    if "with_chains" in figures:
        chains = figures["with_chains"]
        yield from wrapped(f"with Markov chains: {chains['verdict']}")
        for text, is_serious in chains["concerns"]:
            if "Markov" in text:
                yield from wrapped(f"{'serious' if is_serious else 'concern'}: {text}")


def behaviour_lines(figures: dict[str, Any]) -> Iterator[str]:
    """Yields a row about behaviour: what must hold, and what was found."""
    yield headline(figures["row"], figures["passed"])
    for check in figures["checks"]:
        if check["passed"]:  # in one line
            text = f"{_INDENT}{check['right']}: {check['found']}"
            yield text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
        else:
            yield from wrapped(f"NOT: {check['right']}")
            yield from wrapped(f"  found {_cut(check['found'], 400)}")
    yield from wrapped(f"{figures['seconds']:.1f} s")
