"""GSM-VI: Gaussian score matching (Modi et al., NeurIPS 2023), the authors' package."""

import contextlib
from typing import Any

import numpy as np

# The package is there only where the comparison is run.
# pyright: reportMissingImports=false
from benchmarks.mixture_draws import mixture_draws
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.problem import Problem

MOST_ITERATIONS = 10**9  # the limits of the problem end the run


class _LimitReachedError(Exception):
    """How the monitor leaves the package's loop."""


class _Monitor:
    """What the package calls every ``checkpoint`` iterations."""

    def __init__(self, problem: Problem, coordinates: PriorCoordinates, checkpoint: int) -> None:
        self.problem = problem
        self.coordinates = coordinates
        self.checkpoint = checkpoint
        self.evaluations = 0

    def __call__(self, i: int, params: Any, lp: Any, key: Any, nevals: int) -> None:
        del lp, key
        self.evaluations += nevals
        mean, covariance = (np.asarray(part, np.float64) for part in params)
        scale = self.coordinates.scale
        factor = scale[:, None] * np.linalg.cholesky((covariance + covariance.T) / 2)
        draw = mixture_draws(
            np.zeros(1), (self.coordinates.mean + scale * mean)[None], factor[None]
        )
        if self.problem.take(i, self.evaluations, draw):
            raise _LimitReachedError


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it.

    Settings: ``batch_size``, samples per iteration; ``checkpoint``, iterations between snapshots.
    """
    import jax
    import jax.numpy as jnp
    from gsmvi.gsm import GSM

    coordinates = PriorCoordinates(problem.target)
    score = jax.jit(jax.vmap(jax.grad(coordinates.log_density)))
    algorithm = GSM(coordinates.dim, None, lambda z: score(jnp.asarray(z)))
    monitor = _Monitor(problem, coordinates, problem.settings.get("checkpoint", 50))
    with contextlib.suppress(_LimitReachedError):
        algorithm.fit(
            jax.random.PRNGKey(problem.seed),
            batch_size=problem.settings.get("batch_size", 4),
            niter=MOST_ITERATIONS,
            verbose=False,
            monitor=monitor,
        )
    return {"evaluations": monitor.evaluations}
