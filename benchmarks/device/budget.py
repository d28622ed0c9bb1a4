"""The time there is, and what is left out for want of it."""

import time
from typing import Any

Figures = dict[str, Any]  # one line of a part's results, as it stands in the JSON


class Budget:
    """Time until a moment of the system's clock, so that another process can share it."""

    def __init__(self, end: float) -> None:
        """Ends at ``end``, in seconds as ``time.time`` counts them."""
        self.end = end

    @classmethod
    def of_seconds(cls, seconds: float) -> "Budget":
        """Returns the budget that starts now."""
        return cls(time.time() + seconds)

    def left(self) -> float:
        """Returns the seconds that are left, negative when it is over."""
        return self.end - time.time()

    def share(self, fraction: float) -> "Budget":
        """Returns the first part of what is left; what it does not use stays in this one."""
        return Budget(self.end - (1.0 - fraction) * max(0.0, self.left()))

    def refusal(self, what: str, seconds: float) -> Figures | None:
        """Returns the line that says why a measurement is skipped; None if there is time for it.

        Args:
            what: would be measured.
            seconds: it takes, about.
        """
        left = max(0.0, self.left())
        if seconds <= left:
            return None
        return {"skipped": f"{what}: takes about {seconds:.0f} s, {left:.0f} s are left"}
