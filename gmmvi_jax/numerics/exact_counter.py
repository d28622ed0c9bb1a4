"""A counter that stays exact beyond the range of int32."""

from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.typing import Array

_BASE = 1 << 30


class ExactCounter(NamedTuple):
    """high * 2^30 + low, exact up to 2^61; ``int(counter)`` reads it on the host."""

    high: Array  # [] int32
    low: Array  # [] int32, below 2^30

    def __int__(self) -> int:
        """Returns the count as a Python integer (host only)."""
        return int(self.high) * _BASE + int(self.low)


def zero_counter() -> ExactCounter:
    """Returns a counter at 0."""
    return counter_at(0)


def counter_at(count: int) -> ExactCounter:
    """Returns a counter at a Python integer of at least 0."""
    high, low = divmod(count, _BASE)
    return ExactCounter(jnp.asarray(high, jnp.int32), jnp.asarray(low, jnp.int32))


def count_up(counter: ExactCounter, amount: Array) -> ExactCounter:
    """Returns the counter after adding ``amount`` (int32, below 2^30)."""
    low = counter.low + amount
    return ExactCounter(counter.high + low // _BASE, low % _BASE)
