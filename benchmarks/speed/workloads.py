"""What is timed: published settings at a fixed number of components."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    """One line of the table.

    Attributes:
        target: its name; random instances are those of seed 0.
        components: how many there are from the first step on.
        num_steps: timed in one go. With the warm-up less than the published 10 iterations after
            which planar_robot_4 deletes components.
        goal: the reference's milliseconds divided by ours; None: there is none.
        codename: of the variant.
        diagonal: covariances.
    """

    target: str
    components: int
    num_steps: int
    goal: float | None
    codename: str = "SAMTRON"
    diagonal: bool = False

    @property
    def name(self) -> str:
        """The row's name: the target, and what is not SAMTRON with full covariances."""
        parts = [self.target]
        if self.codename != "SAMTRON":
            parts.append(self.codename.lower())
        return "_".join([*parts, "diagonal"] if self.diagonal else parts)


WARM_UP = 3  # steps before the timed ones
WORKLOADS = (
    Workload("breast_cancer", 17, 6, 5.0),
    Workload("planar_robot_4", 100, 6, 6.0),
    Workload("stm20", 45, 6, 8.0),
    Workload("gmm100", 10, 6, 5.0),
    Workload("stm300", 20, 3, 6.0),
    Workload("german_credit", 15, 6, 10.0),
)
# Other choices, for the table of ``speed`` alone.
OTHER_WORKLOADS = (
    Workload("breast_cancer", 10, 3, 5.0, "ZAMTRUX"),
    Workload("planar_robot_4", 320, 2, 5.0, "ZAMTRUX"),
    Workload("breast_cancer", 25, 6, None, "SEPYFUX"),
    Workload("breast_cancer", 17, 6, None, "SAMYRON"),
    Workload("breast_cancer", 17, 6, None, "SAMIRON"),
    Workload("stm300", 20, 3, None, diagonal=True),
)
BY_NAME = {workload.name: workload for workload in (*WORKLOADS, *OTHER_WORKLOADS)}
BY_TARGET = {workload.target: workload for workload in WORKLOADS}
