"""L-BFGS whose small matrices stay on one thread."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import optimize
from threadpoolctl import ThreadpoolController


def minimise(
    objective: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray, **settings: Any
) -> optimize.OptimizeResult:
    """Returns what ``scipy.optimize.minimize`` finds with L-BFGS-B.

    The matrices of L-BFGS are twice as wide as its memory. BLAS shares even these over threads,
    and where other programs use the cores the threads wait for one another, a millisecond and more
    per step: 10 to 100 times what the step takes. The objective has all threads.

    Args:
        objective: of a point [D], to its value and its gradient [D].
        start: [D].
        settings: ``callback`` and ``options`` of ``minimize``.
    """
    limits = [_blas().limit(limits=1)]

    def with_all_threads(point: np.ndarray) -> tuple[float, np.ndarray]:
        limits.pop().restore_original_limits()
        try:
            return objective(point)
        finally:
            limits.append(_blas().limit(limits=1))

    try:
        return optimize.minimize(with_all_threads, start, jac=True, method="L-BFGS-B", **settings)
    finally:
        limits.pop().restore_original_limits()


@cache
def _blas() -> ThreadpoolController:
    """Returns the libraries that are loaded; to look for them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")
