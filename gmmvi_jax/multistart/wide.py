"""A start for covariances of low rank, in dimensions where no Hessian is formed.

One climb from beside the prior's mean by L-BFGS, and a Gaussian on the summit that is as wide as
the curvature there says on average: the trace of the Hessian, from a few random directions. There
is no search for other modes; where components are added they find them, or not.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.multistart.climb import beside_centre
from gmmvi_jax.multistart.counted import CountedDensity, counted_density
from gmmvi_jax.multistart.minimise import minimise
from gmmvi_jax.multistart.search import Start
from gmmvi_jax.typing import LogDensity

_MOST_EVALUATIONS = 500
_SMALLEST_GRADIENT = 1e-2  # in units of the scale: the fit moves the mean further
_NUM_DIRECTIONS = 5
_STEP = 1e-2  # of the differences of gradients, in units of the scale
_CURVATURES = (1.0, 1e8)  # in these units: a Gaussian is not wider than the prior


def wide_start(
    log_target: LogDensity,
    prior_mean: np.ndarray,
    prior_scale: np.ndarray,
    seed: int,
    *,
    max_evaluations: int,
) -> Start:
    """Returns one diagonal Gaussian on the summit that a climb from the prior's mean reaches.

    Args:
        log_target: a callable pytree of one point [D], not stochastic.
        prior_mean: [D].
        prior_scale: [D] standard deviations.
        seed: of where it begins, and of the directions.
        max_evaluations: of the climb, about.
    """
    density = counted_density(log_target, prior_mean, prior_scale)
    generator = np.random.default_rng(seed)
    first = beside_centre(density, generator.normal(size=len(prior_mean)))
    value, _ = density(first)
    if not np.isfinite(value):
        return Start(None, prior_mean, prior_scale, 1, 0, density.num_evaluations)
    point = _climb(density, first, min(max_evaluations, _MOST_EVALUATIONS))
    curvature = _mean_curvature(density, point, generator)
    width = 1.0 / np.sqrt(np.clip(curvature, *_CURVATURES))
    dtype = jnp.result_type(float)
    gmm = GMM(
        jnp.zeros(1, dtype),
        jnp.asarray((prior_mean + prior_scale * point)[None], dtype),
        jnp.asarray((width * prior_scale)[None], dtype),
    )
    return Start(gmm, prior_mean, prior_scale, 1, 1, density.num_evaluations, thinnest=-np.inf)


def _climb(density: CountedDensity, start: np.ndarray, most: int) -> np.ndarray:
    """Returns the highest point [D] that L-BFGS evaluates."""
    best: list[Any] = [start, -np.inf]

    def descend(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = density(point)
        if not np.isfinite(value):
            return 1e30, np.zeros_like(point)
        if value > best[1]:
            best[:] = np.array(point), value
        return -value, -slope

    minimise(descend, start, options={"maxfun": most, "gtol": _SMALLEST_GRADIENT})
    return best[0]


def _mean_curvature(
    density: CountedDensity, point: np.ndarray, generator: np.random.Generator
) -> float:
    """Returns the trace of minus the Hessian over D, by Hutchinson's estimate; 1 if there is none.

    Source: Hutchinson, "A stochastic estimator of the trace of the influence matrix", 1990.
    """
    found = []
    for _ in range(_NUM_DIRECTIONS):
        signs = generator.choice([-1.0, 1.0], size=len(point))
        above, below = (density(point + step * signs) for step in (_STEP, -_STEP))
        if np.isfinite(above[0]) and np.isfinite(below[0]):
            found.append(signs @ (below[1] - above[1]) / (2.0 * _STEP * len(point)))
    return float(np.mean(found)) if found else 1.0
