"""Draws of a mixture with importance weights, which correct what the mixture lacks."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.evaluation.chains import resample
from gmmvi_jax.evaluation.log_ratios import log_ratios_at
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.evaluation.psis import MIN_SAMPLES, psis
from gmmvi_jax.evaluation.user_functions import explained
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_num_samples
from gmmvi_jax.typing import LogDensity, PRNGKey, PyTree


class WeightedDraws(NamedTuple):
    """Independent draws of a mixture and their weights for the density it was fitted to.

    The log densities are those of free coordinates.
    """

    position: PyTree  # [N, D]; or a pytree of arrays [N, ...] if the position is one
    free: np.ndarray  # [N, D] the same as free coordinates
    log_p: np.ndarray  # [N] of the density, unnormalised
    log_q: np.ndarray  # [N] of the mixture
    weights: np.ndarray  # [N] Pareto-smoothed, their sum is 1
    k_hat: float  # of the weights' tail; they are not reliable above 0.7

    @property
    def effective_samples(self) -> float:
        """How many equally weighted draws are worth as much: 1 / sum of the squared weights."""
        return float(1.0 / np.sum(np.square(self.weights)))


@own_errors()
def weighted_draws(
    posterior: Posterior, log_target: LogDensity, rng_key: PRNGKey | int, num_samples: int
) -> WeightedDraws:
    """Draws from a mixture and weighs the draws by p~ / q, Pareto-smoothed.

    Args:
        posterior: the mixture.
        log_target: log density of free coordinates.
        rng_key: a PRNG key or an integer seed.
        num_samples: N, at least 25, each one target evaluation.

    Raises:
        ValueError: too few samples, or the density is finite at none of them.
    """
    require_num_samples(num_samples, least=MIN_SAMPLES)
    key_draws, key_target = jax.random.split(typed_key(rng_key))
    points = posterior.gmm.sample(key_draws, num_samples)
    log_ratios = log_ratios_at(posterior.gmm, log_target, points, key_target)
    log_weights, k_hat = psis(log_ratios)
    weights = np.exp(np.asarray(log_weights, float))
    if not weights.sum() > 0.0:
        raise ValueError(
            f"the log density is finite at none of {num_samples} draws of the mixture: they have "
            f"no weights. See diagnose()."
        )
    log_q = np.asarray(posterior.gmm.log_prob(points), float)
    return WeightedDraws(
        position=posterior.position(points),
        free=np.asarray(points),
        log_p=np.asarray(log_ratios, float) + log_q,
        log_q=log_q,
        weights=weights / weights.sum(),
        k_hat=float(k_hat),
    )


def resampled_rows(weights: np.ndarray, key: PRNGKey, count: int) -> np.ndarray:
    """Returns [count] rows of draws, as many of each as its weight says, in random order.

    Args:
        weights: [N], their sum is 1.
        key: typed.
        count: how many.
    """
    key_rows, key_order = jax.random.split(key)
    rows = resample(key_rows, weights, count)  # sorted, duplicates side by side
    return np.asarray(jax.random.permutation(key_order, rows))


class Expectation(NamedTuple):
    """An estimate of a function's mean under the density that was fitted."""

    mean: PyTree  # as the function returns
    standard_error: PyTree  # Monte-Carlo error of the mean; not reliable if k-hat is above 0.7
    k_hat: float
    effective_samples: float


def expectation(draws: WeightedDraws, function: Callable[[PyTree], PyTree]) -> Expectation:
    """Returns the mean of a function by self-normalised importance sampling.

    The standard error is by the delta method: the root of sum w^2 (f - mean)^2.

    Args:
        draws: with their weights.
        function: of ONE position, to a number, an array or a pytree of them.
    """
    with explained("function"):
        values = jax.jit(jax.vmap(function))(draws.position)
    weights = draws.weights

    def mean_of(value: jax.Array) -> np.ndarray:
        return np.tensordot(weights, np.asarray(value, float), 1)

    def error_of(value: jax.Array) -> np.ndarray:
        values = np.asarray(value, float)
        return np.sqrt(np.tensordot(np.square(weights), np.square(values - mean_of(value)), 1))

    return Expectation(
        mean=jax.tree.map(mean_of, values),
        standard_error=jax.tree.map(error_of, values),
        k_hat=draws.k_hat,
        effective_samples=draws.effective_samples,
    )
