"""Rules that end a run: it has converged, or what it may cost is spent.

A rule is a pure function of the rows of the history so far, asked after every chunk.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple, Protocol

import numpy as np

from gmmvi_jax.requirements import require_count, require_positive
from gmmvi_jax.training.answers import as_ending
from gmmvi_jax.training.status import Ending, Status

Rows = Sequence[Mapping[str, Any]]

_DOUBLINGS = (2.0, 3.0, 4.0)  # of the evaluations, over which the rise of the ELBO is measured
_SURE = 1.645  # standard errors above an estimate that the truth exceeds with probability 5 %
_FEWEST_ROWS = 8  # for a slope and its error
_FEWEST_SEARCHES = 6  # a cycle of the thresholds that searches for new components use
_FEWEST_CLOSE_ROWS = 3  # the same for a mixture that is close to the target by its own draws
_CLOSE_SHARE = 0.2  # of the tolerance
_EDGE = 0.02  # of the draws outside of the support, from which its edge costs nats
_EDGE_SHARE = 0.1  # of what the mixture lacks there
_ROWS_OF_DOUBT = 20  # in more than half of which the ELBO is not known: it will not be
_CHUNKS_BEHIND = 3  # from which the evaluations of the next one are estimated
_LEAST_OF_CHUNK = 0.25  # for which a time must suffice: what happens between chunks takes time, too
_MORE = 1.5  # times as many as the largest of these, at least
_COUNTS = ("num_target_evaluations", "num_diagnostic_evaluations", "iteration")
_FIRST_COUNTS = ("num_samples", "num_diagnostic_evaluations", "iteration")  # in a first row
_NEWBORN = 4.0  # components' worth of samples that a new one may draw more: it can reuse little


class StoppingRule(Protocol):
    """Decides whether a run ends."""

    def __call__(self, rows: Rows, /) -> Ending | None:
        """Returns the ending, or None to go on.

        Args:
            rows: of the history so far, see ``TrainResult.history``.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Convergence:
    """Ends a run that twice as many evaluations would hardly improve.

    The ELBO of a growing mixture rises about with the logarithm of the evaluations, and less and
    less. We fit lines to its estimates over the last two, three and four doublings of the
    evaluations, weighed by their standard errors, and stop when the rise per doubling (at least 0)
    plus 1.645 standard errors is below the tolerance for one of them. A longer window has less
    noise and overestimates a rise that slows down. Noise makes the test slower, not wrong:
    ``python -m benchmarks stops`` counts false stops. The window must contain six searches for new
    components, unless there is no room for more.

    While log p - log q is nearly constant over the mixture's own draws, there is little to gain
    where the mixture is. Then the window may be shorter, with three rows or more of this kind, and
    needs no searches; but the rise still counts, since draws do not see the tails that they lack.

    Where draws fall outside of the support, Gaussians follow its edge, and in many dimensions the
    ELBO creeps up without end. There the rise must be worth a tenth of what the mixture lacks, if
    that is more than the tolerance.

    Where the target is NaN at many draws for long, the run has failed.

    Attributes:
        tolerance: nats that doubling the evaluations must be worth.
    """

    tolerance: float = 0.05

    def __post_init__(self) -> None:
        """Raises ValueError unless the tolerance is positive."""
        require_positive("tolerance", self.tolerance)

    def __call__(self, rows: Rows) -> Ending | None:
        """Returns CONVERGED, or None; see ``StoppingRule``."""
        unknown = sum(np.isnan(row["elbo_gap"]) for row in rows[-_ROWS_OF_DOUBT:])
        if unknown > _ROWS_OF_DOUBT // 2:
            return Ending(
                Status.FAILED,
                "the log density is NaN or +inf at many of the draws: they have weight 0, and the "
                "ELBO cannot be followed; the warnings of this run say what causes it.",
            )
        evaluations = np.array([row["num_target_evaluations"] for row in rows], float)
        for first in self._windows(rows, evaluations):
            rise, error = _slope(np.log2(evaluations[first:]), rows[first:])
            lacking = _lacking_at_edge(rows[first:])
            if max(rise, 0.0) + _SURE * error < max(self.tolerance, _EDGE_SHARE * lacking):
                words = f"the tolerance is {self.tolerance:g}"
                if _EDGE_SHARE * lacking > self.tolerance:
                    words = f"the target's edge costs {lacking:.2g} nats"
                return Ending(
                    Status.CONVERGED,
                    f"twice the evaluations would raise the ELBO by about {max(rise, 0.0):.2g} "
                    f"nats (standard error {error:.2g}; {words}).",
                )
        return None

    def _windows(self, rows: Rows, evaluations: np.ndarray) -> Iterator[int]:
        """Returns where the windows begin that tell how fast the ELBO rises."""
        limit = _CLOSE_SHARE * self.tolerance
        num_close = sum(1 for _ in takewhile(lambda row: row["elbo_gap"] < limit, reversed(rows)))
        if num_close >= _FEWEST_CLOSE_ROWS:
            yield len(rows) - num_close
        for num_doublings in _DOUBLINGS:
            first = np.searchsorted(evaluations, evaluations[-1] / 2.0**num_doublings, "right") - 1
            if 0 <= first <= len(rows) - _FEWEST_ROWS and _has_searched(rows[first:]):
                yield int(first)


def _has_searched(window: Rows) -> bool:
    searches = sum(row["num_added"] for row in window[1:])
    return searches >= _FEWEST_SEARCHES or searches == 0


def _lacking_at_edge(window: Rows) -> float:
    """Returns how many nats the mixture lacks where many draws are outside of the support."""
    if np.median([row["outside_share"] for row in window]) <= _EDGE:
        return 0.0
    return float(np.nanmedian([row["elbo_gap"] for row in window]))


def _slope(doublings: np.ndarray, rows: Rows) -> tuple[float, float]:
    """Returns the slope of a line through the ELBOs, and its standard error."""
    elbos = np.array([row["elbo"] for row in rows], float)
    errors = np.array([row["elbo_stderr"] for row in rows], float)
    known = np.isfinite(elbos)
    floor = 1e-6 * (1.0 + np.max(np.abs(elbos), initial=0.0, where=known))  # of rounding
    weights = 1.0 / (np.square(errors) + floor**2)
    weights = np.where(np.isfinite(weights) & known, weights, 0.0)
    total = np.sum(weights)
    if not total > 0.0:
        return np.inf, np.inf
    elbos = np.where(weights > 0.0, elbos, 0.0)
    centred = doublings - np.sum(weights * doublings) / total
    spread = np.sum(weights * np.square(centred))
    if not spread > 0.0:
        return np.inf, np.inf
    slope = np.sum(weights * centred * elbos) / spread
    residuals = elbos - np.sum(weights * elbos) / total - slope * centred
    # Larger than the draws' own error where the iterates move.
    excess = np.sum(weights * np.square(residuals)) / max(len(elbos) - 2, 1)
    return float(slope), float(np.sqrt(max(excess, 1.0) / spread))


@dataclasses.dataclass(frozen=True)
class EvaluationBudget:
    """Ends a run before its evaluations of the target, diagnostics included, exceed a number.

    About: it assumes that the next iterations take at most half more each than those of the last
    three chunks, or what one more component may take if there are few. One iteration is always
    taken.

    Attributes:
        num_evaluations: the most; ``1e4`` will do, too.
    """

    num_evaluations: int | float

    def __post_init__(self) -> None:
        """Raises ValueError unless the number is a whole one of at least 1."""
        count = require_count("num_evaluations", self.num_evaluations)
        object.__setattr__(self, "num_evaluations", count)

    def __call__(self, rows: Rows) -> Ending | None:
        """Returns SPENT, or None; see ``StoppingRule``."""
        if self.steps_left(rows) >= 1.0:
            return None
        spent, most = evaluations_spent(rows[-1]), f"{self.num_evaluations:,}"
        words = (
            f"{spent:,} of at most {most} evaluations are spent; another iteration may exceed them"
        )
        if spent > self.num_evaluations:
            words = (
                f"{spent:,} evaluations are spent, more than {most}: one iteration is always taken"
            )
        return Ending(Status.SPENT, f"{words}.")

    def steps_left(self, rows: Rows, of_a_newborn: int = 0) -> float:
        """Returns for how many iterations the rest suffices.

        Args:
            rows: of the history so far.
            of_a_newborn: the most that an iteration takes for a new component, if it is known.
        """
        last, recent = rows[-1], rows[-1 - _CHUNKS_BEHIND :]
        left = self.num_evaluations - evaluations_spent(last)
        if left < 0:
            return 0.0
        if len(recent) == 1:  # the total holds the evaluations of a search
            chunks = ([last[name]] for name in _FIRST_COUNTS)
        else:
            chunks = (np.diff([row[name] for row in recent]) for name in _COUNTS)
        evaluations, diagnostics, iterations = map(np.asarray, chunks)
        more = max(_MORE, 1.0 + _NEWBORN / last["num_components"])
        of_a_step = np.max(evaluations / iterations)
        of_a_step = max(more * of_a_step, of_a_step + of_a_newborn)
        return float((left - np.min(diagnostics)) / max(of_a_step, 1e-9))


@dataclasses.dataclass(frozen=True)
class TimeLimit:
    """Ends a run before it exceeds a number of seconds, compilation included.

    Attributes:
        seconds: the most.
    """

    seconds: float

    def __post_init__(self) -> None:
        """Raises ValueError unless the number is positive."""
        require_positive("seconds", self.seconds)

    def __call__(self, rows: Rows) -> Ending | None:
        """Returns SPENT, or None; see ``StoppingRule``."""
        iterations = np.diff([row["iteration"] for row in rows])
        if self.steps_left(rows) >= _LEAST_OF_CHUNK * np.max(iterations, initial=0.0):
            return None
        seconds = float(rows[-1]["wall_time"])
        return Ending(Status.SPENT, f"{seconds:.1f} of at most {self.seconds:g} seconds are spent.")

    def steps_left(self, rows: Rows) -> float:
        """Returns for how many iterations the rest suffices, infinity if unknown."""
        left = self.seconds - float(rows[-1]["wall_time"])
        if len(rows) < 2 or left < 0.0:
            return np.inf if left >= 0.0 else -1.0
        before, last = rows[-2:]
        seconds = float(last["wall_time"]) - float(before["wall_time"])
        return left * (last["iteration"] - before["iteration"]) / max(seconds, 1e-9)


def evaluations_spent(row: Mapping[str, Any]) -> int:
    """Returns the target evaluations of a run up to a row, those of diagnostics included."""
    return int(row["num_target_evaluations"]) + int(row["num_diagnostic_evaluations"])


def first_ending(rules: Sequence[StoppingRule], rows: Rows) -> Ending | None:
    """Returns the ending of the first rule that has one.

    Raises:
        TypeError: a rule returned something else; or what a rule raises.
    """
    endings = (as_ending(rule(rows)) for rule in rules)
    return next((ending for ending in endings if ending is not None), None)


class Begun(NamedTuple):
    """What is known of a run before its first chunk.

    Attributes:
        num_evaluations: of the target, those of the first diagnostics included.
        of_a_step: the most that the first iteration takes.
        of_a_newborn: the most that an iteration takes for one more component.
    """

    num_evaluations: int
    of_a_step: int
    of_a_newborn: int


def most_steps(rules: Sequence[StoppingRule], begun: Begun, rows: Rows, wanted: int) -> int:
    """Returns how many steps to take next: as many as wanted, or as all limits suffice for.

    Args:
        rules: of which none has ended the run.
        begun: what is known before there are rows.
        rows: of the history so far.
        wanted: at least one.
    """
    budgets = [rule for rule in rules if isinstance(rule, EvaluationBudget)]
    if rows:
        times = [rule for rule in rules if isinstance(rule, TimeLimit)]
        suffices = [budget.steps_left(rows, begun.of_a_newborn) for budget in budgets]
        suffices += [time.steps_left(rows) for time in times]
    else:
        left = [budget.num_evaluations - begun.num_evaluations for budget in budgets]
        suffices = [own / begun.of_a_step for own in left]
    return int(max(1.0, min([wanted, *suffices])))
