"""What is timed: SAMTRON with published settings at a fixed number of components."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    """One line of the table.

    Attributes:
        target: its name; random instances are those of seed 0.
        components: how many there are from the first step on.
        num_steps: timed in one go. With the warm-up less than the published 10 iterations after
            which planar_robot_4 deletes components.
        goal: the reference's milliseconds divided by ours.
    """

    target: str
    components: int
    num_steps: int
    goal: float


WARM_UP = 3  # steps before the timed ones
WORKLOADS = (
    Workload("breast_cancer", 17, 6, 5.0),
    Workload("planar_robot_4", 100, 6, 6.0),
    Workload("stm20", 45, 6, 8.0),
    Workload("gmm100", 10, 6, 5.0),
    Workload("stm300", 20, 3, 6.0),
    Workload("german_credit", 15, 6, 10.0),
)
BY_TARGET = {workload.target: workload for workload in WORKLOADS}
