"""Functions of a position that JAX cannot trace are refused with a cure."""

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

from .small_run import CONFIG, gaussian


@pytest.fixture(scope="module")
def result() -> gmmvi.TrainResult:
    return gmmvi.train(CONFIG, gaussian)


@pytest.mark.parametrize(
    "function", [lambda x: float(x[0]), lambda x: np.sin(x), lambda x: x if x[0] > 0 else -x]
)
def test_numpy_in_a_function_of_a_position(result, function):
    for call in (result.predict, result.expectation):
        with pytest.raises(TypeError, match=r"function is called under jax\.jit.*result\.sample"):
            call(function)
    np.testing.assert_allclose(result.predict(lambda x: jnp.sum(x**0), num_samples=3), 2.0)
