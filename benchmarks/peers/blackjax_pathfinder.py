"""BlackJAX: multi-path pathfinder (Zhang et al., JMLR 2022)."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.mixture_draws import mixture_draws
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.problem import Draw, Problem


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it with 1, 2, 4, ... paths until the limits: it is a method of one shot.

    The approximation is the mixture of the paths' Gaussians, weighted by exp(ELBO) of each: its
    density is known, which that of resampled draws is not. The evaluations are a lower bound:
    those of the line searches are not told.

    Settings: ``num_samples`` per iterate; ``maxiter`` of L-BFGS; ``most_paths``.
    """
    import jax
    from blackjax.vi.multipathfinder import multi_approximate

    settings = problem.settings
    num_samples, maxiter = settings.get("num_samples", 50), settings.get("maxiter", 50)
    coordinates = PriorCoordinates(problem.target)

    @partial(jax.jit, static_argnums=1)
    def run(key: Any, num_paths: int) -> Any:
        key_start, key_paths = jax.random.split(key)
        starts = jax.random.normal(key_start, (num_paths, coordinates.dim))
        return multi_approximate(
            key_paths, coordinates.log_density, starts, num_samples, maxiter=maxiter
        )[0].path_states

    key, num_paths, evaluations, over = jax.random.key(problem.seed), 1, 0, False
    while not over and num_paths <= settings.get("most_paths", 64):
        paths = run(jax.random.fold_in(key, num_paths), num_paths)
        jax.block_until_ready(paths)
        evaluations += num_paths * (maxiter + 1) * (num_samples + 1)
        over = problem.take(num_paths, evaluations, path_mixture(coordinates, paths))
        num_paths *= 2
    return {"paths": num_paths // 2}


def path_mixture(coordinates: PriorCoordinates, paths: Any) -> Draw:
    """Returns the draw function of the mixture of the paths' Gaussians.

    A path's covariance is diag(alpha) + beta gamma beta^T, its mean a Newton step from the
    iterate with it (Zhang et al., JMLR 2022, section 2.2).
    """
    logits, means, factors = [], [], []
    for path in zip(*(np.asarray(leaf, np.float64) for leaf in paths), strict=True):
        elbo, position, gradient, alpha, beta, gamma = path
        covariance = np.diag(alpha) + beta @ gamma @ beta.T
        try:
            factor = np.linalg.cholesky((covariance + covariance.T) / 2)
        except np.linalg.LinAlgError:
            continue  # a path that broke down; pathfinder would give it no weight
        if not np.isfinite(elbo):
            continue
        logits.append(elbo)
        means.append(coordinates.mean + coordinates.scale * (position + covariance @ gradient))
        factors.append(coordinates.scale[:, None] * factor)
    if not logits:
        raise FloatingPointError("none of pathfinder's paths has a finite ELBO")
    return mixture_draws(np.asarray(logits), np.asarray(means), np.asarray(factors))
