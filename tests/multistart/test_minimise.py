"""L-BFGS with BLAS on one thread, and the objective with all of them."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from gmmvi_jax.multistart.minimise import minimise


def _threads() -> list[int]:
    """Of the library that SciPy calls; programs may load others."""
    own = ThreadpoolController().info()
    return [one["num_threads"] for one in own if "scipy.libs" in one["filepath"]]


def test_the_objective_has_all_threads_and_the_optimiser_has_one():
    before = _threads()
    seen: dict[str, list[int]] = {}

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        seen["objective"] = _threads()
        return float(point @ point), 2.0 * point

    def callback(point: np.ndarray) -> None:
        seen["optimiser"] = _threads()

    found = minimise(objective, np.ones(3), callback=callback)
    np.testing.assert_allclose(found.x, np.zeros(3), atol=1e-6)
    assert seen["objective"] == before
    assert seen["optimiser"] == [1] * len(before)
    assert _threads() == before


def test_an_error_of_the_objective_leaves_the_threads_as_they_were():
    before = _threads()

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        raise RuntimeError("no value")

    with pytest.raises(RuntimeError, match="no value"):
        minimise(objective, np.ones(3))
    assert _threads() == before
