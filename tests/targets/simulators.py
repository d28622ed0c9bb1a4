"""Functions of a black box that processes can import, and what they leave behind."""

import os
import signal
import time
from pathlib import Path

import numpy as np

CENTRE = np.array([1.0, -2.0])


class OddError(Exception):
    """Cannot be unpickled: it wants two arguments, and keeps one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def bowl(points: np.ndarray) -> np.ndarray:
    return -0.5 * np.sum((points - CENTRE) ** 2, axis=-1)


def bowl_gradient(points: np.ndarray) -> np.ndarray:
    return CENTRE - points


def counted_bowl(path: Path, points: np.ndarray) -> np.ndarray:
    """Writes a byte for each point, since processes share nothing but files."""
    with path.open("ab") as file:
        file.write(b"." * (points.size // 2))
    return bowl(points)


def slow_where_negative(point: np.ndarray) -> np.ndarray:
    """Later points are ready first."""
    time.sleep(0.2 * (point[0] < 0.0))
    return bowl(point)


def breaks_where_negative(point: np.ndarray) -> np.ndarray:
    if point[0] < 0.0:
        raise ArithmeticError("the simulator lost its mesh")
    return bowl(point)


def breaks_oddly(point: np.ndarray) -> np.ndarray:
    raise OddError("this", "that")


def dies(point: np.ndarray) -> np.ndarray:
    os._exit(3)


def interrupted(point: np.ndarray) -> np.ndarray:
    """Is sent a Ctrl-C, as by a terminal."""
    os.kill(os.getpid(), signal.SIGINT)
    return bowl(point)


def hangs(point: np.ndarray) -> np.ndarray:
    time.sleep(5.0 * (point[0] < 0.0))
    return bowl(point)
