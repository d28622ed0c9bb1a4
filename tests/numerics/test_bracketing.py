"""Tests of the search for the unknown that meets a bound, on equations with known roots."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.bracketing import (
    MAX_ITERATIONS,
    RELATIVE_TOLERANCE,
    BoundSolution,
    meet_bound,
)
from gmmvi_jax.typing import Array

from ..double_precision import enable_x64


def power(value: Array, scale: Array, exponent: Array) -> Array:
    return scale * value**exponent


@jax.jit
@jax.vmap
def solve_power(
    scale: Array,
    exponent: Array,
    bound: Array,
    preferred: Array,
    infeasible: Array,
    feasible: Array,
) -> BoundSolution:
    return meet_bound(
        lambda value: power(value, scale, exponent), bound, preferred, infeasible, feasible
    )


@jax.jit
@jax.vmap
def solve_pole(pole: Array, bound: Array) -> BoundSolution:
    """Solves 1 / (x - pole)^2 - 1e-6 <= bound: NaN or worse up to the pole, steep behind it."""

    def divergence(value: Array) -> Array:
        gap = value - pole
        return jnp.where(gap > 0.0, 1.0 / gap**2 - 1e-6, jnp.nan)

    return meet_bound(divergence, bound, pole / 2.0, pole, pole + 1.0 / jnp.sqrt(bound) + 1.0)


def columns(*values: float | np.ndarray) -> list[Array]:
    """Returns the arguments as arrays [number of problems]."""
    return [jnp.asarray(value, float) for value in np.broadcast_arrays(*values)]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["increasing", "decreasing"])
def test_the_bound_is_met_from_below_to_the_tolerance(sign: float) -> None:
    generator = np.random.default_rng(0)
    num_problems = 200
    exponent = sign * generator.uniform(0.3, 4.0, num_problems)
    scale = 10.0 ** generator.uniform(-3.0, 3.0, num_problems)
    bound = 10.0 ** generator.uniform(-3.0, 1.0, num_problems)
    root = (bound / scale) ** (1.0 / exponent)
    infeasible = root * 10.0 ** (sign * generator.uniform(0.01, 4.0, num_problems))
    feasible = root * 10.0 ** (-sign * generator.uniform(0.01, 4.0, num_problems))
    arguments = columns(scale, exponent, bound, infeasible, infeasible, feasible)
    found = solve_power(*arguments)
    met = power(found.value, *arguments[:2]) / bound
    np.testing.assert_allclose(found.divergence, met * bound, rtol=1e-12)
    assert np.all(met <= 1.0)
    assert np.all(met >= 1.0 - RELATIVE_TOLERANCE)


@pytest.mark.parametrize("preferred", [0.1, 0.3, 1.0 / 3.0, 0.7])
def test_a_preferred_value_within_the_bound_is_returned_bit_for_bit(preferred: float) -> None:
    # Once far within, once exactly at the bound.
    arguments = columns(1.0, 1.0, np.array([50.0, preferred]), preferred, 100.0, 1e-3)
    arguments[2] = arguments[2] * (1.0 + 1e-5)  # room for the rounding of exp(log(.))
    found = solve_power(*arguments)
    np.testing.assert_array_equal(found.value, np.full(2, preferred, np.float32))
    np.testing.assert_allclose(found.divergence, preferred, rtol=1e-5)


def test_a_preferred_value_outside_of_the_bound_is_not_returned() -> None:
    found = solve_power(*columns(1.0, 2.0, 4.0, np.array([2.01, 3.0]), 50.0, 1e-3)).value
    assert np.all(np.asarray(found) <= 2.0)
    assert np.all(np.asarray(found) ** 2 >= 4.0 * (1.0 - 2.0 * RELATIVE_TOLERANCE))


@pytest.mark.parametrize("bits", [32, 64])
def test_nan_counts_as_infeasible_and_a_pole_is_approached_to_the_tolerance(bits: int) -> None:
    pole, bound = np.array([1e-2, 1.0, 30.0]), np.array([1e-2, 1.0, 10.0])
    with enable_x64(bits == 64):
        found = np.asarray(solve_pole(*columns(pole, bound)).value, np.float64)
    met = (1.0 / (found - pole) ** 2 - 1e-6) / bound
    rounding = 1e-4 if bits == 32 else 1e-9
    assert np.all(met <= 1.0 + rounding)
    assert np.all(met >= 1.0 - RELATIVE_TOLERANCE - rounding)


def test_a_hopeless_problem_ends_and_leaves_its_neighbours_alone() -> None:
    arguments = columns(
        np.array([1.0, np.nan, 1.0]), 2.0, np.array([4.0, 4.0, 9.0]), 40.0, 40.0, 0.1
    )
    found = solve_power(*arguments)
    np.testing.assert_allclose(found.value[np.array([0, 2])], [2.0, 3.0], rtol=RELATIVE_TOLERANCE)
    assert np.isnan(found.divergence[1])  # which is what has its step rejected


@pytest.mark.parametrize(("exponent", "most"), [(2.0, 12), (-1.0, 12), (np.nan, MAX_ITERATIONS)])
def test_a_power_is_solved_in_few_evaluations_and_a_hopeless_problem_ends(
    exponent: float, most: int
) -> None:
    evaluated = []

    @jax.jit
    def solve(scale: Array) -> BoundSolution:
        def divergence(value: Array) -> Array:
            jax.debug.callback(evaluated.append, value)
            return scale * value**exponent

        infeasible, feasible = (1e3, 1e-3) if exponent > 0.0 else (1e-3, 1e3)
        ends = [jnp.asarray(end, float) for end in (infeasible, infeasible, feasible)]
        return meet_bound(divergence, jnp.ones(()), *ends)

    jax.block_until_ready(solve(jnp.asarray(3.0)))
    jax.effects_barrier()
    assert 3 < len(evaluated) <= most
