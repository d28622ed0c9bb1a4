"""The log of the normal distribution function against scipy."""

import math

import jax
import numpy as np
import pytest
from scipy import special

from gmmvi_jax.targets.log_normal_cdf import log_normal_cdf

# Both sides of the seam at -10, its ends exactly, and where erfc is 0.
POINTS = np.concatenate([np.linspace(-12, 12, 241), [-10.0, 0.0, 60.0], -np.geomspace(10, 1e3, 50)])
values_and_slopes = jax.jit(jax.vmap(jax.value_and_grad(log_normal_cdf)))


def slopes(points: np.ndarray) -> np.ndarray:
    """Return phi / Phi: the scaled complementary error function does not underflow."""
    points = points.astype(np.float64)
    return math.sqrt(2 / math.pi) / special.erfcx(-points / math.sqrt(2))


@pytest.mark.usefixtures("float64")
def test_value_and_slope_are_scipys() -> None:
    values, derivatives = map(np.asarray, values_and_slopes(POINTS))
    np.testing.assert_allclose(values, special.log_ndtr(POINTS), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(derivatives, slopes(POINTS), rtol=1e-12)


def test_single_precision_keeps_its_digits_in_the_tail() -> None:
    points = POINTS.astype(np.float32)
    values, derivatives = map(np.asarray, values_and_slopes(points))
    np.testing.assert_allclose(values, special.log_ndtr(points.astype(float)), 1e-6, 1e-7)
    np.testing.assert_allclose(derivatives, slopes(points), rtol=1e-5, atol=1e-30)
