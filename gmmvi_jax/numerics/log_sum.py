"""Sums of exponentials, in one pass or accumulated block by block as in online softmax."""

from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.typing import Array


def log_sum_exp(log_terms: Array) -> Array:
    """Returns the logarithm of the sum of exponentials of [K] terms, at least one of them finite.

    Compiles to half the kernels of ``jax.scipy.special.logsumexp``, which also handles infinite
    sums.
    """
    largest = jnp.max(log_terms)
    return largest + jnp.log(jnp.sum(jnp.exp(log_terms - largest)))


def normalised(log_terms: Array) -> Array:
    """Returns [K] terms less a constant, such that their exponentials sum to one.

    Not the terms minus their ``log_sum_exp``: where the largest is 1e20, rounding leaves nothing of
    the logarithm of the number of such terms, and the sum is that number instead of one.

    Args:
        log_terms: [K], at least one of them finite, the others finite or -inf.
    """
    shifted = log_terms - jnp.max(log_terms)
    return shifted - jnp.log(jnp.sum(jnp.exp(shifted)))


class LogSum(NamedTuple):
    """A running sum of exponentials over the leading axis, relative to the largest term so far."""

    largest: Array  # [C]
    total: Array  # [C]

    def log(self) -> Array:
        """Returns [C] the logarithm of the sum, -inf where nothing was added."""
        return self.largest + jnp.log(self.total)


def empty_log_sum(num_points: int, dtype: jnp.dtype) -> LogSum:
    """Returns the sum of no terms."""
    # The lowest finite number, not -inf: exp(-inf - -inf) would be NaN.
    return LogSum(jnp.full(num_points, jnp.finfo(dtype).min, dtype), jnp.zeros(num_points, dtype))


def add_terms(log_sum: LogSum, log_terms: Array) -> tuple[LogSum, Array, Array]:
    """Adds [B, C] terms; also returns [B, C] their scaled exponentials and [C] the decay."""
    largest = jnp.maximum(log_sum.largest, jnp.max(log_terms, axis=0))
    terms = jnp.exp(log_terms - largest)
    decay = jnp.exp(log_sum.largest - largest)
    return LogSum(largest, log_sum.total * decay + jnp.sum(terms, axis=0)), terms, decay
