"""Pareto-smoothed importance sampling: stable weights, and the diagnostic k-hat.

Sources: Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling", JMLR 2024;
the fit of the generalised Pareto distribution is that of Zhang and Stephens, "A new and efficient
estimation method for the generalized Pareto distribution", Technometrics 2009.
"""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from gmmvi_jax.requirements import is_real_number, require_array, require_num_samples
from gmmvi_jax.typing import Array

MIN_SAMPLES = 25  # needed for five values in the tail
_FIT_PRIOR = 3.0  # Zhang and Stephens: prior of the scale, relative to the first quartile
_SHAPE_PRIOR_COUNT = 10.0  # Vehtari et al.: prior of k, as this many observations of 0.5


def _fit_pareto(excess: Array, first: Array) -> tuple[Array, Array]:
    """Returns shape k and scale of the generalised Pareto distribution of a sorted sample.

    Takes the posterior mean of b = -k / scale over a grid of quantiles, then k given b, shrunk
    towards 0.5.

    Args:
        excess: [M] ascending; rows before ``first`` are zero and ignored.
        first: [] int32.
    """
    capacity = excess.shape[0]
    live = jnp.arange(capacity, dtype=jnp.int32) >= first
    count = (capacity - first).astype(excess.dtype)
    quartile = excess[first + jnp.floor(count / 4.0 + 0.5).astype(jnp.int32) - 1]
    grid_size = 30.0 + jnp.floor(jnp.sqrt(count))
    index = jnp.arange(1, 31 + math.isqrt(capacity), dtype=excess.dtype)
    grid = (1.0 - jnp.sqrt(grid_size / (index - 0.5))) / (_FIT_PRIOR * quartile) + 1.0 / excess[-1]

    def shape_of(rate: Array) -> Array:
        return jnp.sum(jnp.where(live, jnp.log1p(-rate * excess), 0.0)) / count

    shapes = jax.vmap(shape_of)(grid)
    profile = count * (jnp.log(-grid / shapes) - shapes - 1.0)
    profile = jnp.where(index <= grid_size, profile, -jnp.inf)
    rate = jnp.sum(jax.nn.softmax(profile) * jnp.where(index <= grid_size, grid, 0.0))
    shape = shape_of(rate)
    prior = _SHAPE_PRIOR_COUNT
    return (shape * count + prior * 0.5) / (count + prior), -shape / rate


@jax.jit
def _smooth(log_ratios: Array) -> tuple[Array, Array]:
    num_samples = log_ratios.shape[0]
    usable = ~(jnp.isnan(log_ratios) | (log_ratios == jnp.inf))
    values = jnp.where(usable, log_ratios, -jnp.inf)
    largest = jnp.max(values)
    values = values - jnp.where(jnp.isfinite(largest), largest, 0.0)
    tail_size = size_of_tail(num_samples)
    tail_values, tail_rows = jax.lax.top_k(values, tail_size + 1)
    # The weights in the tail and at the cutoff are all equal to the largest one, or 0.
    equal = jnp.isfinite(largest) & jnp.all((tail_values == 0.0) | (tail_values == -jnp.inf))
    smallest = math.log(jnp.finfo(values.dtype).tiny)
    log_cutoff = jnp.maximum(tail_values[-1], smallest)
    tail_values, tail_rows = tail_values[-2::-1], tail_rows[-2::-1]  # ascending
    live = tail_values > log_cutoff
    count = jnp.sum(live, dtype=jnp.int32)
    first = tail_size - count
    cutoff = jnp.exp(log_cutoff)
    excess = jnp.where(live, jnp.exp(tail_values) - cutoff, 0.0)
    k_hat, scale = _fit_pareto(excess, first)
    rank = (jnp.arange(tail_size, dtype=jnp.int32) - first).astype(values.dtype)
    quantile = (rank + 0.5) / jnp.maximum(count, 1)
    spread = -jnp.log1p(-jnp.where(live, quantile, 0.0))
    excess = jnp.where(k_hat == 0.0, spread, jnp.expm1(k_hat * spread) / k_hat) * scale
    smoothed = jnp.minimum(jnp.log(cutoff + excess), 0.0)
    can_fit = (count > 4) & jnp.isfinite(k_hat) & ~equal
    smoothed = jnp.where(live & can_fit, smoothed, tail_values)
    values = values.at[tail_rows].set(smoothed)
    log_sum = logsumexp(values)
    values = values - jnp.where(jnp.isfinite(log_sum), log_sum, 0.0)
    return values, jnp.where(equal, -jnp.inf, jnp.where(can_fit, k_hat, jnp.inf))


def psis(log_ratios: Array) -> tuple[Array, Array]:
    """Smooths importance weights and measures how heavy their tail is.

    The largest min(N/5, 3 sqrt N) weights are replaced by quantiles of a generalised Pareto
    distribution fitted to them, and truncated at the largest one.

    Args:
        log_ratios: [N] log p~(x) - log q(x) at independent draws from q. NaN gets weight 0.

    Returns:
        [N] normalised log weights, all -inf if no ratio is finite; and k-hat, the shape of the
        tail: the weights have 1/k-hat moments. It is -inf if the largest weights are all equal
        (there is no tail), and +inf if no tail could be fitted (it needs at least five values).

    Raises:
        ValueError: there are fewer than 25 ratios.
    """
    log_ratios = require_array("log_ratios", log_ratios)
    if log_ratios.ndim != 1 or log_ratios.shape[0] < MIN_SAMPLES:
        raise ValueError(
            f"log_ratios has shape {log_ratios.shape}; Pareto smoothing needs a vector of at "
            f"least {MIN_SAMPLES}, draw more samples."
        )
    return _smooth(log_ratios)


def size_of_tail(num_samples: int) -> int:
    """Returns how many of the largest of N ratios are the tail: min(N/5, 3 sqrt N)."""
    return math.ceil(min(0.2 * num_samples, 3.0 * math.sqrt(num_samples)))


def k_hat_limit(num_samples: int) -> float:
    """Returns the largest k-hat for which N draws suffice: min(1 - 1/log10 N, 0.7).

    Source: Vehtari et al. 2024.
    """
    require_num_samples(num_samples, least=0)
    return min(1.0 - 1.0 / math.log10(max(num_samples, MIN_SAMPLES)), 0.7)


def describe_k_hat(k_hat: float, num_samples: int) -> str:
    """Returns an interpretation of k-hat for N draws, in at most 41 characters.

    Args:
        k_hat: from ``psis``.
        num_samples: N.
    """
    if not is_real_number(k_hat):
        raise TypeError(f"k_hat must be a number, got {k_hat!r}.")
    if k_hat == -math.inf:
        return "good: the largest weights are the same"
    if not math.isfinite(k_hat):
        return "no tail could be fitted"
    if k_hat <= min(0.5, k_hat_limit(num_samples)):
        return "good: the weights seem of finite variance"
    if k_hat <= k_hat_limit(num_samples):
        return "usable: importance sampling works"
    if k_hat < 1.0:
        return "high: importance sampling is not reliable"
    return "too high: the weights seem to lack a mean"
