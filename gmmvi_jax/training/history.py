"""The history of a run: rows of numbers, one per chunk of steps, collected on the host."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from gmmvi_jax.numerics.exact_counter import ExactCounter
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.typing import Array

_DIAGNOSIS_SAMPLES = (1_000, 10_000)  # bounds of the default number of draws
_DIAGNOSIS_SHARE = 10  # evaluations of the run per draw


def diagnosis_samples(history: dict[str, np.ndarray]) -> int:
    """Returns how many draws a diagnosis takes by default, for a run or several."""
    fewest, most = _DIAGNOSIS_SAMPLES
    evaluations = int(np.sum(history["num_target_evaluations"][-1]))
    return min(max(evaluations // _DIAGNOSIS_SHARE, fewest), most)


class History:
    """Rows of numbers that are read as columns."""

    def __init__(self, rows: Sequence[dict[str, Any]] = ()) -> None:
        """Creates a history, empty or with the rows of an earlier process."""
        self._rows = list(rows)

    def append(self, row: dict[str, Any]) -> None:
        """Adds a row; all rows have the same names."""
        self._rows.append(row)

    @property
    def rows(self) -> Sequence[dict[str, Any]]:
        """All rows, the oldest first."""
        return self._rows

    @property
    def last(self) -> dict[str, Any]:
        """The newest row."""
        return self._rows[-1]

    def columns(self) -> dict[str, np.ndarray]:
        """Returns each name's values as an array [rows]."""
        names = self._rows[0] if self._rows else {}
        return {name: np.asarray([row[name] for row in self._rows]) for name in names}


def as_many_rows(runs: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Returns the rows of runs, the last one repeated of those that have fewer than others."""
    most = max(map(len, runs))
    return [[*rows, *[rows[-1]] * (most - len(rows))] for rows in runs]


class RunCounters(NamedTuple):
    """Totals of a run after a chunk; scalars, or [R] for several runs."""

    iteration: Array
    num_components: Array
    num_target_evaluations: ExactCounter


def run_counters(state: TrainState) -> RunCounters:
    """Returns the current totals of a run."""
    return RunCounters(state.iteration, state.mixture.num_components, state.num_target_evaluations)


def summarise(counters: RunCounters, info: StepInfo, num_steps: int) -> dict[str, Any]:
    """Returns the history's row for one chunk of one run.

    Args:
        counters: after the chunk.
        info: [length] of its steps.
        num_steps: how many of them were taken.
    """
    steps = jax.tree.map(lambda leaf: np.asarray(leaf)[:num_steps], info)
    return {
        "iteration": int(counters.iteration),
        "num_components": int(counters.num_components),
        "num_target_evaluations": int(counters.num_target_evaluations),
        "elbo": float("nan"),
        "elbo_stderr": float("nan"),
        "wall_time": 0.0,
        "num_added": int(steps.num_added.sum()),
        "num_deleted": int(steps.num_deleted.sum()),
        "num_rejected_updates": int(steps.num_rejected_updates.sum()),
        "num_samples": int(steps.samples.num_drawn.sum()),
        "num_unusable_samples": int(steps.samples.num_unusable.sum()),
        "num_outside_samples": int(steps.samples.num_outside.sum()),
        "num_nan_values": int(steps.samples.num_nan_values.sum()),
        "num_infinite_values": int(steps.samples.num_infinite_values.sum()),
        "num_nonfinite_gradients": int(steps.samples.num_nonfinite_gradients.sum()),
        "num_zero_gradients": int(steps.samples.num_zero_gradients.sum()),
        "smallest_effective_samples": float(steps.smallest_effective_samples[-1]),
        "largest_divergence": float(steps.largest_divergence.max()),
        "component_stepsize": float(steps.component_stepsize[-1]),
        "weight_stepsize": float(steps.weight_stepsize[-1]),
        "num_diagnostic_evaluations": 0,
    }
