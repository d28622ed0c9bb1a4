"""What a run reports: rows of numbers, one per chunk of steps, collected on the host."""

import warnings
from typing import Any, NamedTuple

import jax
import numpy as np

from gmmvi_jax.numerics.exact_counter import ExactCounter
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.typing import Array


class History:
    """Rows of numbers, collected on the host, read as columns."""

    def __init__(self) -> None:
        """Starts without rows."""
        self._rows: list[dict[str, Any]] = []

    def append(self, row: dict[str, Any]) -> None:
        """Adds a row; all rows have the same names."""
        self._rows.append(row)

    def columns(self) -> dict[str, np.ndarray]:
        """Returns each name's values as an array [rows]."""
        names = self._rows[0] if self._rows else {}
        return {name: np.asarray([row[name] for row in self._rows]) for name in names}


class Standing(NamedTuple):
    """Where a run stands after a chunk; scalars, or [R] for several runs."""

    iteration: Array
    num_components: Array
    num_target_evaluations: ExactCounter


def standing_of(state: TrainState) -> Standing:
    """Returns where a run stands."""
    return Standing(state.iteration, state.mixture.num_components, state.num_target_evaluations)


def summarise(standing: Standing, info: StepInfo, num_steps: int) -> dict[str, Any]:
    """Returns the history's row for one chunk of one run.

    Args:
        standing: after the chunk.
        info: [length] of its steps.
        num_steps: how many of them were taken.
    """
    steps = jax.tree.map(lambda leaf: np.asarray(leaf)[:num_steps], info)
    return {
        "iteration": int(standing.iteration),
        "num_components": int(standing.num_components),
        "num_target_evaluations": int(standing.num_target_evaluations),
        "elbo": float("nan"),
        "elbo_stderr": float("nan"),
        "wall_time": 0.0,
        "num_added": int(steps.num_added.sum()),
        "num_deleted": int(steps.num_deleted.sum()),
        "num_rejected_updates": int(steps.num_rejected_updates.sum()),
        "num_unusable_samples": int(steps.num_unusable_samples.sum()),
        "num_samples": int(steps.num_target_evaluations.sum()),
        "smallest_effective_samples": float(steps.smallest_effective_samples[-1]),
        "largest_divergence": float(steps.largest_divergence.max()),
        "component_stepsize": float(steps.component_stepsize[-1]),
        "weight_stepsize": float(steps.weight_stepsize[-1]),
        "num_diagnostic_evaluations": 0,
    }


def refuse_hopeless(row: dict[str, Any]) -> None:
    """Raises FloatingPointError if the target gave no usable value in a whole chunk."""
    if row["num_unusable_samples"] >= row["num_samples"] > 0:
        raise FloatingPointError(
            f"log_target or its gradient was NaN or +inf at all {row['num_samples']} samples up "
            f"to iteration {row['iteration']}; check it at draws from the initial mixture "
            f"(prior_mean, prior_scale, initial_covariance)."
        )


def warn(columns: dict[str, np.ndarray]) -> None:
    """Warns of samples that had to be dropped: how many, and since when."""
    unusable = columns["num_unusable_samples"]
    if unusable.sum():
        first = columns["iteration"][np.flatnonzero(unusable)[0]]
        warnings.warn(
            f"log_target or its gradient was NaN or +inf at {int(unusable.sum())} of "
            f"{int(columns['num_samples'].sum())} samples (first seen by iteration {first}); they "
            f"were dropped. Return -inf outside of the support instead.",
            stacklevel=3,
        )
