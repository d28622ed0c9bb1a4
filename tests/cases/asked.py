"""Numbers that are asked of a fit's draws."""

import numpy as np

from .case import Asked
from .models import assignment_mass


def mean(index: int, right: float, within: float) -> Asked:
    """The mean of a coordinate."""
    return Asked(f"mean x[{index}]", lambda x: float(np.mean(x[:, index])), right, within)


def sd(index: int, right: float, within: float) -> Asked:
    """The standard deviation of a coordinate."""
    return Asked(f"sd x[{index}]", lambda x: float(np.std(x[:, index])), right, within)


def size(right: float, within: float) -> Asked:
    """The standard deviation, of the dimension where it is furthest off."""

    def measure(points: np.ndarray) -> float:
        found = np.std(points, axis=0)
        return float(found[np.argmax(np.abs(found - right))])

    return Asked("sd, the worst", measure, right, within, of_support=False)


def assignment(labels: tuple[int, ...], right: float) -> Asked:
    """The mass of an assignment of ``label_switch``."""
    name = f"P({''.join(map(str, labels))})"
    return Asked(name, lambda x: assignment_mass(x, labels), right, 0.03)


def near_goal(sign: float) -> list[Asked]:
    """Mass, mean and variance of the draws on the side of a goal."""

    def own(points: np.ndarray) -> np.ndarray:
        plane = points[:, :2]
        return plane[sign * plane.sum(axis=1) > 0.0]

    goal = "+" if sign > 0.0 else "-"
    return [
        Asked(f"mass {goal}", lambda x: len(own(x)) / len(x), 0.5, 0.03),
        Asked(f"mean {goal}", lambda x: float(np.mean(own(x))), sign, 0.02),
        Asked(f"variance {goal}", lambda x: float(np.mean(np.var(own(x), axis=0))), 0.05, 0.005),
    ]


def below(index: int, limit: float, right: float, within: float) -> Asked:
    """The mass where a coordinate is below a limit."""
    name = f"P(x[{index}] < {limit:g})"
    return Asked(name, lambda x: float(np.mean(x[:, index] < limit)), right, within)


def near(point: tuple[float, ...], radius: float, right: float, within: float) -> Asked:
    """The mass within a distance of a point."""

    def measure(points: np.ndarray) -> float:
        distances = np.linalg.norm(points - np.array(point), axis=1)
        return float(np.mean(distances < radius))

    return Asked(f"mass near {point}", measure, right, within)
