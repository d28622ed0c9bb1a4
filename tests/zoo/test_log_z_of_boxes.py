"""Densities on boxes whose integral is known: S finds it, wherever the edges are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import gmmvi_jax as gmmvi
from gmmvi_jax.training.status import Status
from gmmvi_jax.typing import Array

from .menagerie import DIM, Menagerie, bowl, choose, where_inside
from .profiles import profile

CONFIG = gmmvi.samtron(
    DIM,
    num_iterations=100,
    log_every=50,
    max_components=8,
    add_iters=10,
    desired_samples=100,
    diagnostic_samples=500,
    max_database_size=10_000,
    num_database_samples=1000,
)
STANDARD_ERRORS, SLACK = 5.0, 0.1

# Numbers: the lower corner [2], the widths [2], and two parameters.


def inside_of(x: Array, u: Array) -> Array:
    return jnp.all((x >= u[:2]) & (x <= u[:2] + u[2:4]))


def normal(x: Array, u: Array) -> Array:
    return where_inside(inside_of(x, u), bowl(x, u[4], u[5]))


def exponential(x: Array, u: Array) -> Array:
    return where_inside(inside_of(x, u), -jnp.sum(u[4:] * (x - u[:2])))


def uniform(x: Array, u: Array) -> Array:
    return where_inside(inside_of(x, u), 0.0 * x[0])


ZOO = {function.__name__: function for function in (normal, exponential, uniform)}


def true_log_z(name: str, numbers: np.ndarray) -> float:
    low, width, (first, second) = numbers[:2], numbers[2:4], numbers[4:]
    if name == "normal":
        law = scipy.stats.norm(first, second)
        shares = law.cdf(low + width) - law.cdf(low)
        return float(np.sum(np.log(shares * np.sqrt(2.0 * np.pi) * second)))
    if name == "exponential":
        return float(np.sum(np.log(-np.expm1(-numbers[4:] * width) / numbers[4:])))
    return float(np.sum(np.log(width)))


lows, widths = st.floats(-1.5, -0.2), st.floats(0.5, 4.0)
parameters = st.floats(0.5, 2.0)


# Some boxes hold few draws of the start, and the run says so.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the log density is -inf at the first mean")
@profile(6)
@given(
    st.sampled_from(sorted(ZOO)),
    st.tuples(lows, lows, widths, widths, parameters, parameters),
)
def test_log_z_of_a_box(name: str, numbers: tuple[float, ...]) -> None:
    target: Menagerie = choose(ZOO, name, list(numbers))
    result = gmmvi.train(CONFIG, target)
    assert result.status is Status.COMPLETED
    ratios = gmmvi.evaluation.log_ratios(result.gmm, target, jax.random.key(1), 10_000)
    found = gmmvi.evaluation.log_z(ratios)
    error = abs(float(found.value) - true_log_z(name, np.asarray(numbers)))
    assert error < STANDARD_ERRORS * float(found.standard_error) + SLACK
