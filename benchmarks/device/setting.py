"""What a part's measurements are told."""

import dataclasses

from benchmarks.device.budget import Budget, Figures

DEVICE, HOST = "device", "host"  # JAX's default device, and the CPU of the same machine


@dataclasses.dataclass(frozen=True)
class Setting:
    """Where a part is measured, until when, and how large.

    Attributes:
        place: ``DEVICE`` or ``HOST``; the process's default device is the right one already.
        budget: until when.
        tiny: sizes for a test on two cores, whose figures mean nothing.
    """

    place: str
    budget: Budget
    tiny: bool

    def estimate(self, seconds: float) -> float:
        """Returns how long something takes that was not measured yet, from a guess in full size."""
        return 0.1 * seconds if self.tiny else seconds


def failure(what: str, error: BaseException) -> Figures:
    """Returns the line that stands for a measurement that failed; the others go on."""
    message = str(error).strip().splitlines()
    return {"failed": f"{what}: {type(error).__name__}: {message[0][:300] if message else ''}"}
