"""The parts, most important first, and which function measures each."""

import dataclasses
from collections.abc import Callable, Iterator

from benchmarks.device import (
    end_to_end,
    kernels,
    machine,
    precision,
    repeatability,
    step_table,
    step_times,
)
from benchmarks.device.budget import Figures
from benchmarks.device.setting import DEVICE, HOST, Setting

MEASURES: dict[str, Callable[[Setting], Iterator[Figures]]] = {
    "machine": machine.measure,
    "step_times": step_times.measure,
    "end_to_end": end_to_end.measure,
    "precision": precision.measure,
    "repeatability": repeatability.measure,
    "kernels": kernels.measure,
}


@dataclasses.dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        name: a key of ``MEASURES``, and the name of its file.
        processes: where each of its processes runs, and the share it may have of what is then
            left of the part's time.
        share: of the time left that the part may take while others wait.
        summarise: from the lines to what they decide.
        show: from the lines to the table.
    """

    name: str
    processes: tuple[tuple[str, float], ...]
    share: float
    summarise: Callable[[list[Figures]], Figures]
    show: Callable[[list[Figures]], list[str]]


PARTS = (
    Part(
        "step_times",
        ((DEVICE, 0.8), (HOST, 1.0)),
        0.6,
        step_table.summarise,
        step_table.show,
    ),
    Part(
        "end_to_end",
        ((DEVICE, 0.65), (HOST, 1.0)),
        0.6,
        end_to_end.summarise,
        end_to_end.show,
    ),
    Part("precision", ((DEVICE, 0.7), (HOST, 1.0)), 0.4, precision.summarise, precision.show),
    Part(
        "repeatability",
        ((DEVICE, 0.5), (DEVICE, 1.0)),
        0.6,
        repeatability.summarise,
        repeatability.show,
    ),
    Part("kernels", ((DEVICE, 1.0),), 1.0, kernels.summarise, kernels.show),
)
