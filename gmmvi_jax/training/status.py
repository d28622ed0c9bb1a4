"""How a run ended."""

import enum
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from gmmvi_jax.evaluation.concerns import Concern


class Status(enum.StrEnum):
    """How a run ended; compares equal to its text."""

    COMPLETED = "completed"
    CONVERGED = "converged"
    SPENT = "budget spent"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped by a callback"
    FAILED = "failed"
    DIVERGED = "diverged"

    @property
    def is_regular(self) -> bool:
        """Whether the run ended as it was meant to."""
        return self in (Status.COMPLETED, Status.CONVERGED, Status.SPENT)

    @property
    def sentence(self) -> str:
        """An explanation of the status."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.COMPLETED: "All iterations were taken.",
    Status.CONVERGED: "More evaluations would hardly improve the mixture.",
    Status.SPENT: "The evaluations or the seconds that the run may cost are spent.",
    Status.INTERRUPTED: "Ctrl-C (SIGINT) ended the run after a chunk of iterations.",
    Status.STOPPED: "A callback returned True.",
    Status.FAILED: "An error ended the run; the result is that of the last valid iteration.",
    Status.DIVERGED: "The mixture grew without bound; the result is not an approximation.",
}


def ending_concerns(ending: "Ending") -> Iterator[Concern]:
    """Yields that the run has not ended as it was meant to, if so.

    Args:
        ending: of the run.
    """
    if not ending.status.is_regular:
        why = ending.reason or ending.status.sentence
        yield Concern(f"the run ended early: {why.rstrip('.')}", ending.status is Status.DIVERGED)


class Ending(NamedTuple):
    """How and why a run ended.

    Attributes:
        status: how it ended.
        reason: a sentence, where there is more to say than the status does.
        error: the exception that caused a failure, if there is one.
    """

    status: Status = Status.COMPLETED
    reason: str = ""
    error: Exception | None = None

    def raise_for_status(self) -> None:
        """Raises RuntimeError from the original error if the run failed or diverged."""
        if self.status in (Status.FAILED, Status.DIVERGED):
            raise RuntimeError(f"the run {self.status}: {self.reason}") from self.error

    def warn(self, name: str = "the run") -> None:
        """Warns if the run of this name failed or diverged."""
        if self.status in (Status.FAILED, Status.DIVERGED):
            warnings.warn(f"{name} {self.status}: {self.reason}", stacklevel=3)


COMPLETED = Ending()
