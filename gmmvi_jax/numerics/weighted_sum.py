"""Importance-weighted sums, accumulated chunk by chunk as in online softmax.

Written for ONE component; callers ``vmap``. The weights are given by their logarithms up to
a constant, and the sums are kept relative to the largest log weight so far. Nothing of size
samples x components is held, and nothing overflows.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.typing import Array, PyTree


class WeightedSum(NamedTuple):
    """Sums of w and of w f(x), both divided by exp(log_scale)."""

    log_scale: Array  # [] the largest log weight so far
    total_weight: Array  # []
    value: PyTree


def empty_sum(value: PyTree, dtype: jnp.dtype, shape: tuple[int, ...] = ()) -> WeightedSum:
    """Returns an empty sum.

    Args:
        value: buffers of any content.
        dtype: of the weights.
        shape: of a stack of sums.
    """
    # The lowest finite number, not -inf: exp(-inf - -inf) would be NaN.
    return WeightedSum(
        log_scale=jnp.full(shape, jnp.finfo(dtype).min, dtype),
        total_weight=jnp.zeros(shape, dtype),
        value=value,
    )


def add_to_sum(
    accumulated: WeightedSum, log_weights: Array, contribution: Callable[[Array], PyTree]
) -> WeightedSum:
    """Adds one chunk of samples.

    Args:
        accumulated: the sum so far.
        log_weights: [C]; -inf means no weight.
        contribution: maps weights [C] to the pytree sum_n w_n f(x_n).
    """
    log_scale = jnp.maximum(accumulated.log_scale, jnp.max(log_weights))
    decay = jnp.exp(accumulated.log_scale - log_scale)
    weights = jnp.exp(log_weights - log_scale)
    is_empty = accumulated.total_weight == 0.0
    value = jax.tree.map(
        lambda old, new: jnp.where(is_empty, 0.0, old * decay) + new,
        accumulated.value,
        contribution(weights),
    )
    total_weight = accumulated.total_weight * decay + jnp.sum(weights)
    return WeightedSum(log_scale, total_weight, value)


def normalizer(accumulated: WeightedSum, num_samples: Array, self_normalized: bool) -> Array:
    """Returns the factor that turns ``accumulated.value`` into an expectation.

    Args:
        accumulated: the finished sum.
        num_samples: number of samples in the sum, for plain weights.
        self_normalized: divide by the sum of the weights (biased, robust) instead of by the
            number of samples (plain importance sampling, unbiased).
    """
    if self_normalized:
        return 1.0 / accumulated.total_weight
    return jnp.exp(accumulated.log_scale) / num_samples
