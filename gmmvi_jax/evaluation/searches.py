"""Searches for mass of the target that the draws of a fit miss."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.evaluation.chains import ChainCheck, chain_check
from gmmvi_jax.evaluation.fit import Fit
from gmmvi_jax.evaluation.improper import Improper, search_improper
from gmmvi_jax.evaluation.on_host import host_arrays
from gmmvi_jax.evaluation.overlooked import OverlookedPoints, overlooked_points
from gmmvi_jax.evaluation.uphill import Uphill, mass_uphill
from gmmvi_jax.numerics.keys import subkeys
from gmmvi_jax.typing import PRNGKey


class Searches(NamedTuple):
    """The results of all searches."""

    overlooked: OverlookedPoints
    uphill: Uphill
    improper: Improper | None
    chains: ChainCheck | None
    num_evaluations: int


def search_missed(
    fit: Fit,
    key: PRNGKey,
    candidates: ArrayLike | None,
    centre: ArrayLike | None,
    names: Sequence[str] | None,
    mcmc_steps: int,
) -> Searches:
    """Searches around the candidates, uphill of the draws, far out, and along Markov chains.

    Args:
        fit: the fit.
        key: PRNG key.
        candidates: [M, D], see ``overlooked_points``.
        centre: [D], see ``improper_direction``; by default the mixture's mean.
        names: [D] names of the coordinates.
        mcmc_steps: number of steps of ``chain_check``; 0 runs no chains.
    """
    gmm, target, own, beta, heaviest = fit
    key_points, key_lines, key_chains = subkeys(jax.random.fold_in(key, 1), 3)
    key_uphill = jax.random.fold_in(key, 2)
    overlooked = overlooked_points(
        gmm, target, own, key_points, candidates=candidates, temperature=beta
    )
    uphill = mass_uphill(gmm, target, own, key_uphill, starts=heaviest, temperature=beta)
    if centre is None:
        weights, means, _ = host_arrays(gmm)
        centre = weights @ means
    improper, num_on_lines = search_improper(
        target, gmm, centre, temperature=beta, names=names, rng_key=key_lines
    )
    spent = overlooked.num_evaluations + uphill.num_evaluations + num_on_lines
    if not mcmc_steps:
        return Searches(overlooked, uphill, improper, None, spent)
    highest = float(np.max(np.nan_to_num(np.asarray(own), nan=-math.inf)))
    chains = chain_check(gmm, target, key_chains, mcmc_steps, highest=highest, temperature=beta)
    return Searches(overlooked, uphill, improper, chains, spent + chains.num_evaluations)
