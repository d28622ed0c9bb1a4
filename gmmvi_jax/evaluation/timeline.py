"""When components were born, how much they weighed, and when they died: a record of a run."""

from typing import Any

import numpy as np

from gmmvi_jax.state import TrainState


class Timeline:
    """A callback that records the components after every chunk; see ``callbacks.timeline``.

    A component is known by the iteration of its birth. Those of the same birth keep their order;
    where some of them are deleted, the others are taken to be those that moved the least.
    Components that are born and deleted within the same chunk are not seen.
    """

    def __init__(self, run: int = 0) -> None:
        """Creates an empty record.

        Args:
            run: which one is recorded, of ``train_many``.
        """
        self._run = run
        self._iterations: list[int] = []
        self._births: list[int] = []
        self._deaths: list[int] = []
        self._rows: list[tuple[np.ndarray, np.ndarray]] = []  # components and weights after a chunk
        self._means = np.zeros((0, 0))

    @property
    def iterations(self) -> np.ndarray:
        """[rows] the iterations after which components were recorded."""
        return np.array(self._iterations, int)

    @property
    def births(self) -> np.ndarray:
        """[C] the iterations at which the components were added, ascending."""
        return np.array(self._births, int)

    @property
    def deaths(self) -> np.ndarray:
        """[C] the first recorded iterations without them; -1 for those that live.

        That of a component that was split is the iteration of the split.
        """
        return np.array(self._deaths, int)

    @property
    def weights(self) -> np.ndarray:
        """[rows, C] the weights; NaN where there is no such component."""
        table = np.full((len(self._rows), len(self._births)), np.nan)
        for row, (components, weights) in zip(table, self._rows, strict=True):
            row[components] = weights
        return table

    def __call__(self, state: TrainState, row: Any) -> None:
        """Records the components of a state.

        Args:
            state: after a chunk.
            row: of the history, or a list of those of several runs.

        Raises:
            ValueError: the state is not later than the one before.
        """
        state = state.run(self._run) if isinstance(row, list) else state
        iteration = int(state.iteration)
        last = self._iterations[-1] if self._iterations else -1
        if iteration <= last:
            raise ValueError(
                f"a timeline records one run: iteration {iteration} came after {last}; create "
                f"another one with callbacks.timeline()."
            )
        count = int(state.mixture.num_components)
        births = iteration - np.asarray(state.components.ages)[:count]
        weights = np.exp(np.asarray(state.mixture.log_weights, float)[:count])
        means = np.array(state.mixture.gaussians.mean)[:count]  # a copy
        living = self._rows[-1][0] if self._rows else np.zeros(0, int)
        if births.min() >= last:  # a split replaces all, and its parts are born where it happened
            components = np.full(count, -1)
        else:
            components = self._same_components(living, births, means)
        new = components < 0
        components[new] = len(self._births) + np.arange(np.sum(new))
        self._births += births[new].tolist()
        self._deaths += [-1] * int(np.sum(new))
        for dead in np.setdiff1d(living, components):
            self._deaths[dead] = last if births.min() >= last else iteration
        self._iterations.append(iteration)
        self._rows.append((components, weights))
        self._means = means

    def _same_components(
        self, living: np.ndarray, births: np.ndarray, means: np.ndarray
    ) -> np.ndarray:
        """Returns [K] which recorded component each one is, -1 for a new one."""
        components = np.full(len(births), -1)
        old_births = self.births[living]
        for birth in np.unique(births[np.isin(births, old_births)]):
            before, now = np.flatnonzero(old_births == birth), np.flatnonzero(births == birth)
            if len(now) <= len(before):
                kept = least_moved(self._means[before], means[now])
                components[now] = living[before[kept]]
        return components


def least_moved(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Returns which points are left, in ascending order, so that they moved the least in total.

    Args:
        before: [M, D].
        after: [N, D] those that are left, in the same order; N is at most M.

    Returns:
        [N] rows of ``before``, those whose sum of squared moves is smallest.
    """
    num_gone = len(before) - len(after)
    moves = np.array(
        [
            np.sum((before[row : row + num_gone + 1] - point) ** 2, axis=1)
            for row, point in enumerate(after)
        ]
    )  # [N, gone + 1]: how many before it are gone
    totals = [np.zeros(num_gone + 1)]
    for own in moves:
        totals.append(own + np.minimum.accumulate(totals[-1]))
    rows, most = np.zeros(len(after), int), num_gone
    for row in reversed(range(len(after))):
        most = int(np.argmin(totals[row + 1][: most + 1]))
        rows[row] = row + most
    return rows
