"""Seconds of a run, and how many of them JAX compiled."""

import time
from typing import Any

PROCESS_START = time.perf_counter()  # nearly: this is imported before anything heavy

# What JAX reports of a compilation: tracing, lowering, XLA.
COMPILATION_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


def length_of_union(intervals: list[tuple[float, float]]) -> float:
    """Returns the length of the union of intervals (start, end): tracing nests."""
    length, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        length += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return length


class Clock:
    """The seconds of this process; it also listens to JAX's compilations."""

    def __init__(self) -> None:
        """Counts no compilation until ``listen``."""
        self._compilations: list[tuple[float, float]] = []

    def listen(self) -> None:
        """Imports JAX and collects its compilations from now on."""
        import jax.monitoring

        jax.monitoring.register_event_duration_secs_listener(self._add)

    def _add(self, event: str, duration_secs: float, **kwargs: Any) -> None:
        if event in COMPILATION_EVENTS:
            now = time.perf_counter()
            self._compilations.append((now - duration_secs, now))

    def seconds(self) -> float:
        """Returns the seconds since the process started."""
        return time.perf_counter() - PROCESS_START

    def compile_seconds(self) -> float:
        """Returns the seconds of compilation so far."""
        return length_of_union(self._compilations)
