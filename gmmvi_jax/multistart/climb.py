"""A climb to a local maximum of the target, by L-BFGS."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import optimize

from gmmvi_jax.multistart.counted import CountedDensity
from gmmvi_jax.multistart.minimise import minimise

_ASIDE = 0.01  # of the centre, in units of the scale
_MOST_EVALUATIONS = 200  # per climb; well-conditioned targets take 30 to 50
_SMALLEST_GRADIENT = 1e-3  # in units of the scale; a posterior that narrow is 1e-6 nats from there
_MEMORY = 10  # pairs of steps and changes of the gradient that L-BFGS keeps


class Summit(NamedTuple):
    """Where a climb ended, in the coordinates of the density."""

    point: np.ndarray  # [D]
    value: float  # log density
    gradient: np.ndarray  # [D]
    precision: np.ndarray  # [D, D] estimate of the negative Hessian from the steps of the climb
    is_end: bool = True  # of the climb, which was not cut off


def climb(
    density: CountedDensity, start: np.ndarray, is_known: Callable[[np.ndarray, float], bool]
) -> Summit | None:
    """Returns the end of a climb, None if the start is known, or not in the support.

    Args:
        density: to climb.
        start: [D].
        is_known: whether a climb through a point with this value leads to a known summit.
    """
    height = density.value(start)
    if not np.isfinite(height) or is_known(start, height):
        return None
    value, gradient = density(start)
    best = [start, value, gradient]

    def descend(point: np.ndarray) -> tuple[float, np.ndarray]:
        if np.array_equal(point, start):
            return -value, -gradient
        found, slope = density(point)
        if not np.isfinite(found):
            # So much below the best point that the line search takes a quarter of the step.
            drop = abs(float(best[2] @ (point - best[0]))) + 1.0
            return drop - best[1], np.zeros_like(point)
        if found > best[1]:
            best[:] = np.array(point), found, slope
        return -found, -slope

    def stop_where_known(intermediate_result: optimize.OptimizeResult) -> None:
        if is_known(intermediate_result.x, -float(intermediate_result.fun)):
            raise StopIteration

    result = minimise(
        descend,
        start,
        callback=stop_where_known,
        options={
            "maxfun": _MOST_EVALUATIONS,
            "maxcor": _MEMORY,
            "gtol": _SMALLEST_GRADIENT,
            "ftol": 10.0 * float(np.finfo(np.float32).eps),
        },
    )
    precision = _precision(result.hess_inv, len(start))
    return Summit(best[0], best[1], best[2], precision, result.nfev < _MOST_EVALUATIONS)


def beside_centre(density: CountedDensity, noise: np.ndarray) -> np.ndarray:
    """Returns where the first climb starts: the centre may be a saddle, by symmetry.

    Args:
        density: to climb; where it is zero beside the centre, the climb starts there.
        noise: [D] standard normal.
    """
    return _ASIDE * noise if np.isfinite(density.value(_ASIDE * noise)) else np.zeros_like(noise)


def _precision(inverse: optimize.LbfgsInvHessProduct, dim: int) -> np.ndarray:
    """Returns [D, D] the estimate of the Hessian that L-BFGS worked with."""
    dense = inverse.todense() if inverse.n_corrs else np.eye(dim)
    try:
        precision = np.linalg.inv(0.5 * (dense + dense.T))
    except np.linalg.LinAlgError:
        return np.eye(dim)
    return precision if np.all(np.isfinite(precision)) else np.eye(dim)
