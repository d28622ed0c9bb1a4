"""What a method is given, and what it hands back: snapshots of an approximation along the run."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.clock import Clock

MOST_KEPT = 80

# (seed, n) -> points [n, D] and their log q [n]; None where the method has no density.
Draw = Callable[[int, int], tuple[np.ndarray, np.ndarray | None]]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The approximation at some point of a run.

    Attributes:
        iteration: of the method.
        evaluations: of the target used so far (a value, or a value and its gradient).
        seconds: since the process started.
        compile_seconds: how many of them were compilation.
        draw: independent draws of the approximation; evaluated after the run.
        figures: what else is known, by name.
    """

    iteration: int
    evaluations: int
    seconds: float
    compile_seconds: float
    draw: Draw
    figures: dict[str, float] = dataclasses.field(default_factory=dict)


class Problem:
    """A target, a seed, settings, limits; and the snapshots a method has taken."""

    def __init__(
        self,
        target: Any,
        seed: int,
        settings: dict[str, Any],
        max_evaluations: int,
        max_seconds: float,
        clock: Clock,
    ) -> None:
        """Holds what the method needs; see ``Specification``."""
        self.target = target
        self.seed = seed
        self.settings = settings
        self.max_evaluations = max_evaluations
        self.max_seconds = max_seconds
        self.clock = clock
        self._kept: list[Snapshot] = []
        self._last: Snapshot | None = None
        self._taken, self._stride = 0, 1

    @property
    def snapshots(self) -> list[Snapshot]:
        """Those kept, about evenly spread over the run, the last one among them."""
        if self._last is None or self._kept[-1] is self._last:
            return self._kept
        return [*self._kept, self._last]

    def take(
        self,
        iteration: int,
        evaluations: int,
        draw: Draw,
        *,
        seconds: float | None = None,
        **figures: float,
    ) -> bool:
        """Takes a snapshot and returns whether the run is over.

        Args:
            iteration: of the method.
            evaluations: used so far.
            draw: of the approximation as it is now.
            seconds: since the process started, where another clock than this one measured.
            **figures: what else is known.
        """
        seconds = self.clock.seconds() if seconds is None else seconds
        compiled = self.clock.compile_seconds()
        self._last = Snapshot(iteration, evaluations, seconds, compiled, draw, figures)
        if self._taken % self._stride == 0:
            self._kept.append(self._last)
        self._taken += 1
        if len(self._kept) > MOST_KEPT:  # long runs of large mixtures would fill the memory
            self._kept = self._kept[::2]
            self._stride *= 2
        return evaluations >= self.max_evaluations or seconds >= self.max_seconds
