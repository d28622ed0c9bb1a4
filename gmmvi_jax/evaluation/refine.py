"""Samples of the density itself, from a mixture: importance resampling and short Markov chains."""

from typing import NamedTuple

import jax
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.evaluation.chains import (
    EVALUATIONS_PER_STEP,
    mean_covariance,
    require_chains,
    run_chains,
)
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.evaluation.weighted_draws import resampled_rows, weighted_draws
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_int, require_num_samples
from gmmvi_jax.typing import LogDensity, PRNGKey, PyTree

_DRAWS_PER_SAMPLE = 10


class Refined(NamedTuple):
    """Samples of the density that a mixture was fitted to."""

    position: PyTree  # [N, D]; or a pytree of arrays [N, ...] if the position is one
    free: np.ndarray  # [N, D] the same as free coordinates
    k_hat: float  # of the weights behind them; above 0.7 something is missing
    num_distinct: int  # of the samples, before any chains
    num_evaluations: int


@own_errors()
def refine(
    posterior: Posterior,
    log_target: LogDensity,
    rng_key: PRNGKey | int,
    num_samples: int,
    mcmc_steps: int,
) -> Refined:
    """Resamples draws of a mixture by their weights; see ``TrainResult.refine``.

    Args:
        posterior: the mixture.
        log_target: log density of free coordinates.
        rng_key: a PRNG key or an integer seed.
        num_samples: N.
        mcmc_steps: of Hamiltonian Monte Carlo that every sample takes.

    Raises:
        ValueError: a number is out of range; or there are chains and the density has no gradient.
        ImportError: there are chains and BlackJAX is not installed.
    """
    require_num_samples(num_samples)
    require_int("mcmc_steps", mcmc_steps, least=0)
    target = as_log_density(log_target)
    key_draws, key_resample, key_chains = jax.random.split(typed_key(rng_key), 3)
    hmc = require_chains(target) if mcmc_steps else None
    count = max(_DRAWS_PER_SAMPLE * num_samples, 100)
    draws = weighted_draws(posterior, target, key_draws, count)
    rows = resampled_rows(draws.weights, key_resample, num_samples)
    points, spent = draws.free[rows], count
    if hmc is not None:
        metric = mean_covariance(posterior.gmm)
        points = run_chains(hmc, target, key_chains, points, metric, mcmc_steps, 1.0)
        spent += num_samples * (1 + mcmc_steps * EVALUATIONS_PER_STEP)
    return Refined(
        position=posterior.position(points),
        free=np.asarray(points),
        k_hat=draws.k_hat,
        num_distinct=len(np.unique(rows)),
        num_evaluations=spent,
    )
