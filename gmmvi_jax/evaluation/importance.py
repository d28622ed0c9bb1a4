"""What importance sampling with the mixture says: log Z, and how many draws are effective."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from gmmvi_jax.typing import Array


class Average(NamedTuple):
    """A mean over samples and its standard error, in nats."""

    mean: Array  # []
    standard_error: Array  # []
    num_unusable: Array  # [] int32 values left out: NaN


class LogZ(NamedTuple):
    """An estimate of log Z, the log of the target's integral."""

    value: Array  # []
    standard_error: Array  # [] by the delta method; not to be trusted where k-hat is above 0.7
    effective_fraction: Array  # [] reverse effective sample size over the number of samples


@jax.jit
def average(log_ratios: Array) -> Average:
    """Averages log ratios [N]: the ELBO of draws from the mixture, the EUBO of the target's."""
    usable = ~jnp.isnan(log_ratios)
    count = jnp.sum(usable, dtype=log_ratios.dtype)
    mean = jnp.sum(jnp.where(usable, log_ratios, 0.0)) / count
    # Where a ratio is -inf so is the mean, and there is no deviation from it.
    squares = jnp.sum(jnp.where(usable, jnp.square(log_ratios - mean), 0.0))
    error = jnp.sqrt(squares / jnp.maximum(count - 1.0, 1.0) / count)
    return Average(mean, error, jnp.sum(~usable, dtype=jnp.int32))


@jax.jit
def log_z(log_ratios: Array) -> LogZ:
    """Estimates log Z = log E_q[p~(x) / q(x)].

    The standard error is sd(w) / (mean(w) sqrt(N)), w = p~ / q. It cannot know of mass of the
    target that no draw came near; then the estimate is too low, and so is its error.

    Args:
        log_ratios: [N] at draws from q; NaN is left out.
    """
    usable = ~jnp.isnan(log_ratios)
    count = jnp.sum(usable, dtype=log_ratios.dtype)
    values = jnp.where(usable, log_ratios, -jnp.inf)
    log_sum = logsumexp(values)
    fraction = jnp.exp(2.0 * log_sum - logsumexp(2.0 * values)) / count
    error = jnp.sqrt(jnp.maximum(1.0 / fraction - 1.0, 0.0) / jnp.maximum(count - 1.0, 1.0))
    return LogZ(log_sum - jnp.log(count), error, fraction)


def reverse_effective_sample_size(log_ratios: Array) -> Array:
    """Returns the effective number of N draws from q, (sum w)^2 / sum w^2 over N, in (0, 1].

    Args:
        log_ratios: [N] at draws from q; NaN is left out.
    """
    return log_z(log_ratios).effective_fraction
