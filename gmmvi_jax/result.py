"""What ``train`` returns."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.evaluation.modes import Modes, find_modes
from gmmvi_jax.gmm import GMM
from gmmvi_jax.position import PositionLayout
from gmmvi_jax.state import TrainState
from gmmvi_jax.summary import summary_table
from gmmvi_jax.typing import PRNGKey, PyTree


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
        layout: how the position, a pytree, lies in the vectors of ``gmm``; None where it is a
            vector itself.
    """

    gmm: GMM
    state: TrainState
    history: dict[str, np.ndarray]
    status: str
    config: Config
    layout: PositionLayout | None = None

    def sample(self, rng_key: PRNGKey, shape: int | Sequence[int] = ()) -> PyTree:
        """Returns independent samples of the mixture, [*shape, D] or as the position is.

        Args:
            rng_key: a PRNG key, typed or legacy.
            shape: of the samples, () for a single one. Where the position is a pytree, its
                leaves have these leading axes.
        """
        samples = self.gmm.sample(rng_key, shape)
        return samples if self.layout is None else self.layout.unravel(samples)

    def modes(self) -> Modes:
        """Returns the modes of the mixture, heaviest first; see ``evaluation.find_modes``.

        Where the position is a pytree, so are the ``locations``, with the modes along the leading
        axis of every leaf.
        """
        modes = find_modes(self.gmm)
        if self.layout is None:
            return modes
        return modes._replace(locations=self.layout.unravel(modes.locations))

    def summary(self, max_modes: int = 10) -> str:
        """Returns a table for the terminal: modes, ELBO, evaluations, rejected updates."""
        names = None if self.layout is None else self.layout.names
        modes = find_modes(self.gmm)
        return summary_table(self.gmm, modes, self.history, self.status, max_modes, names)

    def save_history(self, path: str | Path) -> None:
        """Writes the history as CSV, a row per chunk."""
        names = list(self.history)
        rows = zip(*self.history.values(), strict=True)
        lines = [",".join(names), *(",".join(str(value) for value in row) for row in rows)]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
