"""Tests of conjugate gradients against numpy, and of what they do where there is no solution."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.conjugate_gradients import conjugate_gradients
from gmmvi_jax.typing import Array

DIM = 6


@partial(jax.jit, static_argnames="max_steps")
def solve(matrix: Any, right_side: Any, scaling: Any, max_steps: int = 50) -> Array:
    return conjugate_gradients(
        lambda vector: matrix @ vector,
        right_side,
        lambda vector: scaling * vector,
        tolerance=1e-6,
        max_steps=max_steps,
    )


def random_system(rank: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    root = generator.normal(size=(DIM, rank))
    matrix = root @ root.T
    return matrix, matrix @ generator.normal(size=DIM)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("scale", [1.0, 10.0], ids=["plain", "preconditioned"])
def test_a_regular_system_is_solved_in_as_many_steps_as_dimensions(scale: float) -> None:
    matrix, right_side = random_system(DIM)
    scaling = np.geomspace(1.0, scale, DIM)
    found = solve(matrix, right_side, scaling, max_steps=DIM)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right_side), rtol=1e-6)


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_of_a_singular_systems_solutions_the_smallest_is_found_in_single_precision(
    rank: int,
) -> None:
    matrix, right_side = random_system(rank)
    smallest = np.linalg.lstsq(matrix, right_side, rcond=1e-10)[0]
    found = solve(jnp.asarray(matrix), jnp.asarray(right_side), jnp.ones(DIM), max_steps=50)
    np.testing.assert_allclose(found, smallest, atol=1e-4 * np.abs(smallest).max())


def test_directions_that_the_matrix_does_not_see_are_left_alone() -> None:
    # The last entry of the right side is not in the range: no step can remove it.
    matrix = jnp.diag(jnp.array([2.0, 1.0, 0.0]))
    found = solve(matrix, jnp.array([2.0, 3.0, 1.0]), jnp.ones(3))
    assert np.all(np.isfinite(found))
    assert np.abs(found).max() < 1e3


def test_of_nothing_comes_nothing() -> None:
    matrix, _ = random_system(DIM)
    np.testing.assert_array_equal(solve(matrix, jnp.zeros(DIM), jnp.ones(DIM)), np.zeros(DIM))


@pytest.mark.parametrize("place", ["matrix", "right side", "preconditioner"])
def test_not_a_number_is_never_mistaken_for_a_solution(place: str) -> None:
    matrix, right_side = random_system(DIM)
    scaling = np.ones(DIM)
    {"matrix": matrix[0], "right side": right_side, "preconditioner": scaling}[place][0] = np.nan
    assert not np.all(np.isfinite(solve(matrix, right_side, scaling)))


def test_a_right_side_too_large_to_be_squared_is_not_answered_by_zero() -> None:
    matrix, right_side = random_system(DIM)
    assert not np.all(np.isfinite(solve(matrix, 1e25 * right_side, jnp.ones(DIM))))


def test_systems_side_by_side_stop_each_at_its_own_solution() -> None:
    systems = [random_system(rank) for rank in (1, 3, DIM)]
    matrices, right_sides = (jnp.asarray(np.stack(parts)) for parts in zip(*systems, strict=True))
    together = jax.vmap(partial(solve, scaling=jnp.ones(DIM)))(matrices, right_sides)
    for index, found in enumerate(together):
        alone = solve(matrices[index], right_sides[index], jnp.ones(DIM))
        np.testing.assert_allclose(found, alone, rtol=2e-3)
