"""A check of a fit by short Markov chains, which find mass next to the mixture.

If importance sampling with the mixture works, chains that start at its reweighted draws are in
equilibrium, and their final points have the target's distribution too. If the target has mass next
to the mixture that no draw reaches, the chains move there.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import (
    full_density,
    has_gradient,
    is_stochastic,
    value_and_gradient,
)
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.evaluation.log_ratios import log_ratios_at
from gmmvi_jax.evaluation.psis import psis
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.lowrank.mixtures import gaussians_of
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.packages import needed_by
from gmmvi_jax.requirements import require_int, require_temperature
from gmmvi_jax.typing import Array, LogDensity, PRNGKey, PyTree

NUM_CHAINS = 200
_MOST_CHAINS = 1_000_000
_DRAWS_PER_CHAIN = 20
EVALUATIONS_PER_STEP = 8  # leapfrog steps
_STEPSIZES = (0.05, 0.5)  # log-uniform, drawn for each step; narrow places need small steps
_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_SIGNIFICANCE = 0.01  # of all tests together


class ChainCheck(NamedTuple):
    """The result of ``chain_check``."""

    ends: np.ndarray  # [C, D] final points
    moved: np.ndarray  # int coordinates whose distribution differs from that of the draws
    unseen: float  # share of the final points whose log p~ - log q is above that of all draws
    is_unseen_significant: bool  # more than the tail of the weights explains
    num_evaluations: int


@own_errors()
def chain_check(
    gmm: GMM,
    log_target: LogDensity,
    rng_key: PRNGKey | int,
    num_steps: int,
    *,
    num_chains: int = NUM_CHAINS,
    highest: float = -math.inf,
    temperature: float = 1.0,
) -> ChainCheck:
    """Runs Hamiltonian Monte Carlo from reweighted draws of the mixture, and compares the ends.

    The chains' metric is the mean covariance of the components. Coordinates are compared at seven
    quantiles of the reweighted draws: the number of ends below each is binomial if nothing moved.

    Args:
        gmm: the mixture q.
        log_target: unnormalised log density of one point [D], with a gradient.
        rng_key: a PRNG key, or an integer, its seed.
        num_steps: of every chain, each of eight evaluations with gradient.
        num_chains: C; 20 draws each are evaluated besides.
        highest: of further draws of the mixture, their highest log p~ - log q.
        temperature: beta of the fit; the chains sample p^(1/beta).

    Raises:
        ImportError: BlackJAX is not installed.
        ValueError: the target has no gradient, or is stochastic.
    """
    require_gmm("gmm", gmm)
    temperature = require_temperature(temperature)
    require_int("num_steps", num_steps, least=1)
    require_int("num_chains", num_chains, 1, _MOST_CHAINS)
    target = as_log_density(log_target)
    hmc = require_chains(target)
    key_draws, key_ratios, key_starts, key_chains, key_ends = jax.random.split(
        typed_key(rng_key), 5
    )
    draws = gmm.sample(key_draws, _DRAWS_PER_CHAIN * num_chains)
    ratios = log_ratios_at(gmm, target, draws, key_ratios, temperature=temperature)
    log_weights, k_hat = psis(ratios)
    weights = np.exp(np.asarray(log_weights, float))
    spent = len(draws)
    if not weights.sum() > 0.0:  # no starting point
        nothing = np.zeros((0, gmm.dim))
        return ChainCheck(nothing, np.zeros(0, int), 0.0, False, spent)
    weights /= weights.sum()
    starts = draws[resample(key_starts, weights, num_chains)]
    metric = mean_covariance(gmm)
    ends = run_chains(hmc, target, key_chains, starts, metric, num_steps, float(temperature))
    spent += num_chains * (1 + num_steps * EVALUATIONS_PER_STEP) + num_chains
    at_ends = np.asarray(log_ratios_at(gmm, target, ends, key_ends, temperature=temperature))
    unseen = int(np.sum(at_ends > max(float(np.nanmax(np.asarray(ratios))), highest)))
    expected = _tail_mass(weights, float(k_hat))
    return ChainCheck(
        ends=np.asarray(ends),
        moved=_moved_coordinates(np.asarray(draws, float), weights, np.asarray(ends, float)),
        unseen=unseen / num_chains,
        is_unseen_significant=_upper_tail(unseen, num_chains, expected) < _SIGNIFICANCE,
        num_evaluations=spent,
    )


def mean_covariance(gmm: GMM) -> Array:
    """Returns [D, D] the mean of the components' covariances, a metric for chains."""
    return jnp.asarray(
        np.tensordot(np.asarray(gmm.weights), np.asarray(gaussians_of(gmm).covariances), 1)
    )


def require_chains(target: LogDensity) -> Any:
    """Returns BlackJAX's HMC module, an optional dependency, if chains can sample a target.

    Raises:
        ImportError: BlackJAX is not installed.
        ValueError: the target has no gradient, or is stochastic.
    """
    if not has_gradient(target) or is_stochastic(full_density(target)):
        raise ValueError("mcmc_steps needs a target with a gradient, and without noise.")
    with needed_by("mcmc_steps", "BlackJAX", "blackjax"):
        from blackjax.mcmc import hmc
    return hmc


def resample(key: PRNGKey, weights: np.ndarray, count: int) -> np.ndarray:
    """Returns [C] rows by systematic resampling, as many of each as its weight [N] says."""
    offsets = (np.arange(count) + float(jax.random.uniform(key))) / count
    return np.minimum(np.searchsorted(np.cumsum(weights), offsets), len(weights) - 1)


def _tail_mass(weights: np.ndarray, k_hat: float) -> float:
    """Returns the mass of a Pareto tail of shape k beyond the largest of the weights [N]."""
    shape = min(max(k_hat, 0.0), 0.9) if math.isfinite(k_hat) else 0.0
    return min(weights.max() / (1.0 - shape), 1.0)


@partial(jax.jit, static_argnames=("hmc", "num_steps"))
def run_chains(
    hmc: Any,
    log_target: LogDensity,
    key: PRNGKey,
    starts: Array,
    metric: Array,
    num_steps: int,
    temperature: Array | float,
) -> Array:
    """Returns [C, D] the final points of chains from starts [C, D]."""
    evaluate = value_and_gradient(full_density(log_target))

    @jax.custom_vjp
    def density(point: Array) -> Array:
        return evaluate(point)[0] / temperature

    def forward(point: Array) -> tuple[Array, Array]:
        value, gradient = evaluate(point)
        return value / temperature, gradient / temperature

    density.defvjp(forward, lambda gradient, tangent: (tangent * gradient,))
    kernel = hmc.build_kernel()
    shortest, longest = _STEPSIZES

    def chain(key: PRNGKey, start: Array) -> Array:
        def step(state: PyTree, key: PRNGKey) -> tuple[PyTree, None]:
            key_size, key_step = jax.random.split(key)
            power = jax.random.uniform(key_size, dtype=start.dtype)
            stepsize = shortest * (longest / shortest) ** power
            state, _ = kernel(key_step, state, density, stepsize, metric, EVALUATIONS_PER_STEP)
            return state, None

        keys = jax.random.split(key, num_steps)
        return jax.lax.scan(step, hmc.init(start, density), keys)[0].position

    return jax.vmap(chain)(jax.random.split(key, starts.shape[0]), starts)


def _moved_coordinates(draws: np.ndarray, weights: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns the coordinates in which the ends are not distributed as the weighted draws.

    The sample size of the tests accounts for the effective number of draws behind the quantiles.
    """
    num_ends, dim = ends.shape
    count = round(1.0 / (1.0 / num_ends + np.sum(np.square(weights))))
    limit = _SIGNIFICANCE / (2 * len(_LEVELS) * dim)
    moved = []
    for coordinate in range(dim):
        order = np.argsort(draws[:, coordinate])
        cumulative = np.cumsum(weights[order])
        for level in _LEVELS:
            row = min(np.searchsorted(cumulative, level), len(order) - 1)
            share = np.mean(ends[:, coordinate] <= draws[order[row], coordinate])
            below = share * count
            if (
                _upper_tail(math.floor(below), count, level) < limit
                or _upper_tail(math.floor(count - below), count, 1.0 - level) < limit
            ):
                moved.append(coordinate)
                break
    return np.array(moved, int)


def _upper_tail(successes: int, count: int, probability: float) -> float:
    """Returns P(X >= successes) of a binomial X."""
    if successes <= 0 or probability >= 1.0:
        return 1.0
    terms = np.arange(successes, count + 1)
    log_choose = np.array(
        [math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in terms]
    )
    log_terms = log_choose + terms * math.log(probability)
    return float(np.exp(log_terms + (count - terms) * math.log1p(-probability)).sum())
