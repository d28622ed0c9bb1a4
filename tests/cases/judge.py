"""Whether a row passes: a fit is right and trusted, or it is not right and says why."""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .case import Case, Expected

_ERRORS = 3.0  # standard errors that log Z may be off
_ROUNDING = 1e-5  # relative, of float32; and of the values of log Z that are known to six digits


class Judgement(NamedTuple):
    """Whether a row passes, and why."""

    passed: bool
    reason: str


def judge(case: Case, figures: dict[str, Any]) -> Judgement:
    """Judges what came of a case.

    Args:
        case: what is right.
        figures: of ``measure_case``.
    """
    if "error" in figures:
        return _judge_error(case, figures)
    if case.expected is Expected.REFUSED:
        return Judgement(False, "an error was expected")
    wrong = [*_deviations(case, figures)]
    is_refused = figures["verdict"].startswith("do not trust")
    if not wrong:
        if is_refused:
            return Judgement(False, "right, but the verdict refuses it")
        return _judge_words(case, figures)
    if figures["status"] in ("failed", "diverged"):
        named = re.search(case.cause, figures["reason"])
        return Judgement(bool(named), f"{figures['status']}, cause {'' if named else 'not '}named")
    serious = [text for text, is_serious in figures["concerns"] if is_serious]
    if any(re.search(case.cause, text) for text in serious):
        return Judgement(True, "not right, and a serious concern says why")
    how = "a serious concern does not say why" if serious else "silent"
    return Judgement(False, f"{how}: {'; '.join(wrong)}")


def _judge_error(case: Case, figures: dict[str, Any]) -> Judgement:
    kind, text = figures["error"]
    missing = [pattern for pattern in (case.cause, case.cure) if not re.search(pattern, text)]
    if missing:
        return Judgement(False, f"{kind} without {' and '.join(map(repr, missing))}")
    if kind not in ("ValueError", "TypeError", "FloatingPointError"):
        return Judgement(False, f"{kind} is not an error of the arguments")
    if case.expected is Expected.REFUSED and figures["num_compilations"]:
        return Judgement(False, "refused after compiling")
    when = "before compiling" if not figures["num_compilations"] else "after the first chunk"
    return Judgement(True, f"refused {when}, with cause and cure")


def _judge_words(case: Case, figures: dict[str, Any]) -> Judgement:
    """Judges what a right fit says of itself."""
    for text, _ in figures["concerns"]:
        if case.quiet is not None and re.search(case.quiet, text):
            return Judgement(False, f"right, but a false alarm: {text}")
    if figures["outside_share"] > 0.0 and not figures["is_outside_shown"]:
        return Judgement(False, "right, but the share outside is not reported")
    return Judgement(True, "right, and not refused")


def _deviations(case: Case, figures: dict[str, Any]) -> Iterator[str]:
    """Yields what is not right."""
    if case.expected is Expected.NO_FIT:
        yield "nothing can be right"
        return
    if figures["status"] not in ("completed", "converged"):
        yield figures["status"]
    if case.log_z is not None:
        deviation = abs(figures["log_z"] - case.log_z)
        rounding = _ROUNDING * (1.0 + abs(case.log_z))
        limit = min(_ERRORS * figures["log_z_error"] + rounding, case.log_z_within)
        if not deviation <= limit:
            yield f"log Z is off by {deviation:.3g}, allowed {limit:.3g}"
    for asked in case.asked:
        deviation = abs(figures["asked"][asked.name] - asked.right)
        if math.isnan(deviation) or deviation > asked.within:
            yield f"{asked.name} is off by {deviation:.3g}, allowed {asked.within:g}"
