"""The rows: a target, where a run ends, and what is to be known of its mixture."""

import dataclasses
from collections.abc import Callable
from typing import Any

from benchmarks.published import judges

_NUM_DRAWS = 40_000
_FEW_DRAWS = 2_000  # where a density, or a mixture's, is dear


@dataclasses.dataclass(frozen=True)
class Row:
    """Fits of one target.

    Attributes:
        target: its name.
        budgets: evaluations after which a run ends, a run each; None: when it has converged.
        seconds: most seconds of a run.
        dim: where it is not the target's own.
        has_gradient: whether the target is differentiated, or values are all there is.
        num_draws: of the ELBO.
        judge: (target, mixture, draws [2000, D]) to further figures.
    """

    target: str
    budgets: tuple[int | None, ...] = (None,)
    seconds: float | None = None
    dim: int | None = None
    has_gradient: bool = True
    num_draws: int = _NUM_DRAWS
    judge: Callable[[Any, Any, Any], dict[str, float]] | None = None

    @property
    def name(self) -> str:
        """Of the row: that of its target, with ``_values`` where there is no gradient."""
        return self.target if self.has_gradient else f"{self.target}_values"


_ALL = (
    Row("breast_cancer", (100_000, 250_000)),
    Row("gmm20"),
    Row("gmm100", judge=judges.count_modes),
    Row("stm20", (250_000,)),
    Row("planar_robot_4", (200_000, 700_000, 2_000_000), judge=judges.count_postures),
    Row("german_credit"),
    Row("funnel", seconds=240.0),
    Row("many_well", seconds=240.0, dim=8),
    Row("rings"),
    Row("banana"),
    Row("stm300", seconds=240.0, num_draws=_FEW_DRAWS),
    Row("wine", seconds=240.0, num_draws=_FEW_DRAWS, judge=judges.predict_wine),
    Row("digits", seconds=240.0, num_draws=_FEW_DRAWS),
    Row("talos", seconds=240.0, num_draws=_FEW_DRAWS, judge=judges.judge_talos),
    Row("breast_cancer_mb", (250_000,), seconds=240.0),
    Row("german_credit_mb", (100_000,), seconds=240.0),
    Row("lgcp", seconds=240.0, num_draws=_FEW_DRAWS),
    Row("brownian", seconds=240.0),
    Row("lennard_jones", seconds=240.0),
    Row("planar_motion", seconds=240.0),
    Row("breast_cancer", (1_000_000,), has_gradient=False),
    Row("gmm20", (100_000,), has_gradient=False),
    Row("planar_robot_4", (2_000_000,), has_gradient=False, judge=judges.count_postures),
)
ROWS = {row.name: row for row in _ALL}
