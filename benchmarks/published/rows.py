"""The rows: a target, a variant, and the goal at each milestone of the run."""

import dataclasses
from collections.abc import Callable
from typing import Any

from benchmarks.published import judges

EVALUATION_SAMPLES = 40_000


@dataclasses.dataclass(frozen=True)
class Milestone:
    """A point of a run, and the goal there; None: no goal, the figure is reported.

    Attributes:
        iteration: of the run.
        quality: largest negative ELBO; largest distance from log Z where that is known to be 0.
        evaluations: most target evaluations.
        seconds: most seconds, importing and compilation included.
        modes: modes to find.
    """

    iteration: int
    quality: float | None = None
    evaluations: float | None = None
    seconds: float | None = None
    modes: int | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """One run with published settings.

    Attributes:
        name: of the row.
        target: its name.
        milestones: in their order; the last one ends the run.
        settings: that differ from the published ones; ``log_every`` divides every milestone.
        codename: of the variant.
        judge: (target, mixture, draws [2000, D]) to further figures.
        samples: of the ELBO.
        is_normalised: whether log Z is 0.
    """

    name: str
    target: str
    milestones: tuple[Milestone, ...]
    settings: tuple[tuple[str, Any], ...] = ()
    codename: str = "SAMTRON"
    judge: Callable[[Any, Any, Any], dict[str, float]] | None = None
    samples: int = EVALUATION_SAMPLES
    is_normalised: bool = False


_GMM20 = {"target": "gmm20", "judge": judges.count_modes, "is_normalised": True}

ROWS = (
    Row("breast_cancer", "breast_cancer", (Milestone(450, 78.32, 1.1e6, 25.0),)),
    Row(
        "breast_cancer_fast_start",
        "breast_cancer",
        (Milestone(450, 78.32, 1.1e6),),
        (("initial_component_stepsize", 0.3),),
    ),
    Row("breast_cancer_long", "breast_cancer", (Milestone(740, 78.22, 2.9e6),)),
    Row(
        "breast_cancer_zamtrux",
        "breast_cancer",
        (Milestone(393, 78.80, 1.05e6),),
        codename="ZAMTRUX",
    ),
    Row("german_credit", "german_credit", (Milestone(360, 585.110, 1.8e5),)),
    Row("gmm20", milestones=(Milestone(430, 0.01, 1.3e6, modes=10),), **_GMM20),
    Row(
        "gmm20_zamtrux",
        milestones=(Milestone(356, 0.01, 1.35e6, modes=10),),
        codename="ZAMTRUX",
        **_GMM20,
    ),
    Row("stm20", "stm20", (Milestone(200, 0.22, 1.9e6, modes=10),), judge=judges.count_modes),
    Row(
        "stm20_sepyfux",
        "stm20",
        (Milestone(2_500), Milestone(22_500, None, 4.5e6, 900.0)),
        (("log_every", 500),),
        "SEPYFUX",
    ),
    Row(
        "planar_robot_4",
        "planar_robot_4",
        (Milestone(81, 12.60, 1.07e6, 60.0),),
        judge=judges.count_postures,
    ),
    Row(
        "planar_robot_4_long",
        "planar_robot_4",
        (Milestone(204, 12.40, 3.7e6), Milestone(336, 12.25, 7.4e6)),
        (("log_every", 12),),
        judge=judges.count_postures,
    ),
    Row(
        "gmm100",
        "gmm100",
        (Milestone(400), Milestone(1000), Milestone(1500, modes=10)),
        (("log_every", 50),),
        judge=judges.count_modes,
    ),
    Row(
        "wine",
        "wine",
        (Milestone(75), Milestone(150), Milestone(250)),
        (("log_every", 25), ("diagnostic_samples", 200)),
        judge=judges.predict_wine,
        samples=200,  # each looks at all rows of the data
    ),
    Row(
        "talos",
        "talos",
        (Milestone(25), Milestone(50), Milestone(100)),
        (("log_every", 25),),
        judge=judges.judge_talos,
    ),
)
