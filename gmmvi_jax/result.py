"""What ``train`` returns."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.evaluation.modes import find_modes
from gmmvi_jax.gmm import GMM
from gmmvi_jax.state import TrainState
from gmmvi_jax.summary import summary_table


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


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """A fitted mixture and how it came about.

    Attributes:
        gmm: the mixture, exactly its active components.
        state: the last state; pass it to ``train`` as ``initial`` to go on.
        history: column names to arrays [rows], a row per chunk: ``iteration``,
            ``num_components``, ``num_target_evaluations`` (total, training alone), ``elbo``,
            ``elbo_stderr``, ``wall_time`` (seconds since the start, compilation included),
            and per chunk ``num_added``, ``num_deleted``, ``num_rejected_updates``,
            ``num_unusable_samples``.
        status: how the run ended.
        config: what it ran with.
    """

    gmm: GMM
    state: TrainState
    history: dict[str, np.ndarray]
    status: str
    config: Config

    def summary(self, max_modes: int = 10) -> str:
        """Returns a table for the terminal: modes, ELBO, evaluations, rejected updates."""
        return summary_table(self.gmm, find_modes(self.gmm), self.history, self.status, max_modes)

    def save_history(self, path: str | Path) -> None:
        """Writes the history as CSV, a row per chunk."""
        names = list(self.history)
        rows = zip(*self.history.values(), strict=True)
        lines = [",".join(names), *(",".join(str(value) for value in row) for row in rows)]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
