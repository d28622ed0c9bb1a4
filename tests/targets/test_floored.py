"""Densities that are nothing far below their summits, and that ``fit`` takes them so."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities, targets
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.floored import Floored, can_have_floor, floor_below, floor_of, floored

from ..double_precision import enable_x64


def test_below_the_floor_there_is_nothing():
    density = floored(as_log_density(lambda x: -x @ x), -9.0)
    np.testing.assert_array_equal(
        jax.vmap(density)(jnp.array([[2.0], [3.0], [4.0]])), [-4, -9, -np.inf]
    )
    np.testing.assert_allclose(jax.grad(density)(jnp.array([2.0])), [-4.0])
    assert floor_of(density) == -9.0
    assert floor_of(density.log_density) is None
    assert floor_below(-5.0, 2) == -325.0


def test_it_has_the_attributes_of_the_density():
    target: Any = targets.get("gmm20")
    density = floored(target, -1e3)
    assert density.log_z == target.log_z
    assert density.dim == 20
    assert not hasattr(density, "centred")
    leaves, structure = jax.tree.flatten(density)
    assert isinstance(jax.tree.unflatten(structure, leaves), Floored)


def test_only_densities_that_are_called_have_one():
    assert can_have_floor(as_log_density(lambda x: -x @ x))
    assert can_have_floor(targets.get("planar_robot_4"))
    assert not can_have_floor(densities.black_box(lambda x: -np.sum(x**2, axis=1)))
    assert not can_have_floor(targets.get("german_credit_mb"))


def wall(x):
    """A scale x0^2 with four observations: -2 / x0^4 has no expectation under a Gaussian."""
    scale = jnp.square(x[0])
    return -4.0 * jnp.log(scale) - 2.0 / jnp.square(scale) - 0.5 * (x[0] ** 2 / 2.25 + x[1] ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("x64", [False, True])
def test_a_fit_beside_a_wall_is_right_and_ends(x64, capsys):
    grid = np.linspace(0.2, 12.0, 200_001)
    values = -4.0 * np.log(grid**2) - 2.0 / grid**4 - 0.5 * grid**2 / 2.25
    step = grid[1] - grid[0]
    expected = np.log(2.0 * np.sum(np.exp(values)) * step) + 0.5 * np.log(2.0 * np.pi)
    with enable_x64(x64):
        result = gmmvi.fit(wall, 2)
        diagnosis = result.diagnose()
        draws = np.asarray(result.gmm.sample(0, 10_000))
    assert result.gmm.means.dtype == (jnp.float64 if x64 else jnp.float32)
    assert str(result.status) == "converged"
    floor = floor_of(result.target)
    assert floor is not None
    assert f"took the density for 0 where its log is below {floor:.4g} (" in capsys.readouterr().err
    assert abs(float(diagnosis.log_z.value) - expected) < 0.05
    assert diagnosis.verdict.startswith("nothing speaks against")
    assert abs(np.mean(draws[:, 0] > 0.0) - 0.5) < 0.03
