"""A progress bar, updated between compiled chunks."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from gmmvi_jax.training.stopping import EvaluationBudget, StoppingRule, evaluations_spent


class ProgressBar:
    """Shows iterations, components, ELBO and evaluations on stderr, with tqdm if installed."""

    def __init__(self, num_iterations: int, until: Sequence[StoppingRule], enabled: bool) -> None:
        """Prepares a bar; shows nothing unless ``enabled``.

        Args:
            num_iterations: the most that there will be; hardly so many if rules end the run.
            until: rules that end it. The evaluations that one of them grants are shown.
            enabled: whether it is shown.
        """
        self._total = None if until else num_iterations
        budgets = [rule.num_evaluations for rule in until if isinstance(rule, EvaluationBudget)]
        self._budget = f" of {_short(min(budgets))}" if budgets else ""
        self._done = 0
        self._rows: dict[int, dict[str, Any]] = {}
        self._start = time.perf_counter()
        self._enabled = enabled
        self._last = (self._start, 0)
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Opens the bar."""
        if self._enabled:
            try:
                from tqdm import tqdm
            except ImportError:
                pass
            else:
                self._bar = tqdm(total=self._total, unit="it", file=sys.stderr, ncols=80)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the bar."""
        if self._bar is not None:
            self._bar.close()
        elif self._enabled:
            sys.stderr.write("\n")

    def update(self, num_steps: int, new_rows: Sequence[dict[str, Any] | None]) -> None:
        """Moves on by ``num_steps`` and shows the newest row of the history of every run.

        Args:
            num_steps: of each run that has a new row.
            new_rows: one per run, None of one that has ended before.
        """
        self._done += num_steps
        if not self._enabled:
            return
        self._rows |= {index: row for index, row in enumerate(new_rows) if row is not None}
        rows = list(self._rows.values())
        counts = "/".join(str(row["num_components"]) for row in rows)
        elbos = "/".join(f"{row['elbo']:.3f}" for row in rows)
        note = f"K {counts}, ELBO {elbos}, {self._evaluations(rows)}"
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(num_steps)
        else:
            seconds = time.perf_counter() - self._start
            total = "" if self._total is None else f"/{self._total}"
            sys.stderr.write(f"\r{self._done}{total} it, {seconds:.0f} s, {note}   ")
            sys.stderr.flush()

    def _evaluations(self, rows: Sequence[dict[str, Any]]) -> str:
        """Returns how many target evaluations there were, and how many a second of late."""
        now, count = time.perf_counter(), sum(map(evaluations_spent, rows))
        before, earlier = self._last
        self._last = (now, count)
        rate = _short((count - earlier) / max(now - before, 1e-9))
        return f"{_short(count)}{self._budget} evals, {rate}/s"


def _short(number: float) -> str:
    """Returns a number in at most five characters: 940, 12.3k, 1.20M."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g}{name}"
    return f"{number:.0f}"
