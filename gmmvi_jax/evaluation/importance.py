"""Importance sampling with the mixture: ELBO, log Z and effective sample size."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from gmmvi_jax.requirements import require_ratios
from gmmvi_jax.typing import Array


class Average(NamedTuple):
    """A mean over samples and its standard error, in nats."""

    mean: Array  # [] over the usable draws; see ``average`` for draws outside of the support
    standard_error: Array  # []
    num_unusable: Array  # [] int32, ignored draws: NaN
    num_outside: Array  # [] int32, draws outside of the target's support: -inf


class LogZ(NamedTuple):
    """An estimate of log Z, the log of the target's integral."""

    value: Array  # []
    standard_error: Array  # [] by the delta method; not reliable if k-hat is above 0.7
    effective_fraction: Array  # [] reverse effective sample size over the number of samples


def average(log_ratios: Array) -> Average:
    """Returns the ELBO from log ratios [N] at draws from q.

    If some of them are -inf, q has mass outside of the target's support and its ELBO is -inf. The
    mean is then the ELBO of q truncated to the support, with P the share inside:

        E_q[log p~ - log q | inside] + log P <= log Z.

    Its standard error is by the delta method: the squared error is the variance of the ratios
    inside over their number, plus (1 - P) / (N P), the variance of log P. With all draws outside
    the mean is -inf and the standard error +inf.

    Args:
        log_ratios: [N]; NaN is ignored.
    """
    return _average(require_ratios("log_ratios", log_ratios))


@jax.jit
def _average(log_ratios: Array) -> Average:
    usable = ~jnp.isnan(log_ratios)
    inside = usable & (log_ratios > -jnp.inf)
    num_usable, count = (jnp.sum(rows, dtype=log_ratios.dtype) for rows in (usable, inside))
    share = count / num_usable
    # From the highest, or a large constant costs the sum its last digits; divided by the count
    # before the sum, and by the largest deviation before the squares, or these might overflow.
    highest = jnp.max(jnp.where(inside, log_ratios, -jnp.inf))
    below = jnp.where(inside, log_ratios - highest, 0.0)
    mean = jnp.sum(below / count)
    deviations = jnp.where(inside, below - mean, 0.0)
    largest = jnp.maximum(jnp.max(jnp.abs(deviations)), jnp.finfo(mean.dtype).tiny)
    squares = jnp.sum(jnp.square(deviations / largest))
    error = largest * jnp.sqrt(squares / jnp.maximum(count - 1.0, 1.0) / count)
    mean = highest + mean
    all_outside = (num_usable > 0) & (count == 0)
    return Average(
        mean=jnp.where(all_outside, -jnp.inf, mean + jnp.log(share)),
        standard_error=jnp.where(
            all_outside, jnp.inf, jnp.hypot(error, jnp.sqrt((1.0 - share) / count))
        ),
        num_unusable=jnp.sum(~usable, dtype=jnp.int32),
        num_outside=jnp.sum(usable & ~inside, dtype=jnp.int32),
    )


def log_z(log_ratios: Array) -> LogZ:
    """Estimates log Z = log E_q[p~(x) / q(x)].

    The standard error is sd(w) / (mean(w) sqrt(N)), w = p~ / q. If no draw comes near some mass of
    the target, both the estimate and its error are too low.

    Args:
        log_ratios: [N] at draws from q. NaN counts as weight 0, like -inf. If all weights are 0,
            log Z is -inf and its error +inf.
    """
    return _log_z(require_ratios("log_ratios", log_ratios))


@jax.jit
def _log_z(log_ratios: Array) -> LogZ:
    count = jnp.asarray(log_ratios.shape[0], log_ratios.dtype)
    values = jnp.where(jnp.isnan(log_ratios), -jnp.inf, log_ratios)
    highest = jnp.max(values)
    none = highest == -jnp.inf
    # From the highest, or a large constant rounds the difference of two sums.
    below = values - jnp.where(none, 0.0, highest)
    log_sum = logsumexp(below)
    fraction = jnp.exp(2.0 * log_sum - logsumexp(2.0 * below)) / count
    fraction = jnp.where(none, 0.0, fraction)
    error = jnp.sqrt(jnp.maximum(1.0 / fraction - 1.0, 0.0) / jnp.maximum(count - 1.0, 1.0))
    return LogZ(highest + (log_sum - jnp.log(count)), error, fraction)


def reverse_effective_sample_size(log_ratios: Array) -> Array:
    """Returns the effective sample size (sum w)^2 / sum w^2 of draws from q over N, in (0, 1].

    Args:
        log_ratios: [N] at draws from q; NaN counts as weight 0.
    """
    return log_z(log_ratios).effective_fraction
