"""What the machine can do: rates of a large matrix product, and of a large copy."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

PRODUCT_SIZE = 1500
COPY_NUMBERS = 2**26  # 256 MiB: no cache holds it
REPETITIONS = 7


@dataclasses.dataclass(frozen=True)
class Machine:
    """Rates that nothing on it exceeds.

    Attributes:
        operations: floating point operations per second, float32.
        bytes: bytes per second read and written.
    """

    operations: float
    bytes: float

    def least_seconds(self, operations: float, num_bytes: float) -> float:
        """Returns how long so much work takes at least."""
        return max(operations / self.operations, num_bytes / self.bytes)


def median_seconds(function: Callable[..., Any], make_arguments: Callable[[], tuple]) -> float:
    """Returns the seconds of a call, which may eat its arguments."""
    jax.block_until_ready(function(*make_arguments()))
    seconds = []
    for _ in range(REPETITIONS):
        arguments = jax.block_until_ready(make_arguments())
        start = time.perf_counter()
        result = jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - start)
        del result  # after the clock: giving back a large one's memory takes as long as a step
    return statistics.median(seconds)


def measure_machine() -> Machine:
    """Measures the rates."""
    matrix = jax.random.normal(jax.random.key(0), (PRODUCT_SIZE, PRODUCT_SIZE))
    product = median_seconds(jax.jit(jnp.matmul), lambda: (matrix, matrix))
    array = jnp.ones(COPY_NUMBERS)
    copy = median_seconds(jax.jit(jnp.negative), lambda: (array,))
    return Machine(operations=2 * PRODUCT_SIZE**3 / product, bytes=2 * array.nbytes / copy)
