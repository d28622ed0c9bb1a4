"""Densities that fall slowly far below their summits, and that ``fit`` takes them so."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities, targets
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.softened import (
    Softened,
    can_be_softened,
    level_below,
    level_of,
    softened,
)

from ..double_precision import enable_x64


def test_below_the_level_it_falls_like_a_logarithm(float64):
    density = softened(as_log_density(lambda x: -x @ x), -9.0)
    points = jnp.array([[2.0], [3.0], [5.0], [1e5]])
    expected = [-4.0, -9.0, -9.0 - 300.0 * np.log(316.0 / 300.0)]
    np.testing.assert_allclose(jax.vmap(density)(points)[:3], expected, rtol=1e-12)
    slopes = [-4.0, -6.0, -10.0 * 300.0 / 316.0, -2e5 / (1.0 + (1e10 - 9.0) / 300.0)]
    np.testing.assert_allclose(jax.vmap(jax.grad(density))(points)[:, 0], slopes, rtol=1e-12)
    assert level_of(density) == -9.0
    assert level_of(density.density) is None
    assert level_below(-5.0, 2) == -325.0


def test_outside_of_the_support_it_stays_what_it_is():
    def half(x):
        return jnp.where(x[0] > 0.0, -1e29 * x[0], -jnp.inf)

    density = softened(as_log_density(half), -10.0)
    inside, outside = jnp.array([1.0]), jnp.array([-1.0])
    assert -20_000.0 < density(inside) < -15_000.0
    assert density(outside) == density(20.0 * inside) == -np.inf
    assert np.all(jax.grad(density)(20.0 * inside) == 0.0)
    assert np.all(np.isfinite(jax.grad(density)(inside)))
    assert np.isnan(softened(as_log_density(lambda x: x[0] * jnp.nan), -10.0)(inside))


def test_it_has_the_attributes_of_the_density():
    target: Any = targets.get("gmm20")
    density = softened(target, -1e3)
    assert density.log_z == target.log_z
    assert density.dim == 20
    assert not hasattr(density, "centred")
    leaves, structure = jax.tree.flatten(density)
    assert isinstance(jax.tree.unflatten(structure, leaves), Softened)


def test_the_density_of_a_position_is_still_to_be_found():
    def model(position):
        return -(position["a"] ** 2)

    target = densities.on_pytree(model, {"a": 1.0})
    density: Any = softened(target, -1e3)
    assert density.log_density is target.log_density
    assert density.layout is target.layout
    assert not hasattr(softened(as_log_density(lambda x: -x @ x), -1e3), "log_density")


def test_only_densities_that_are_called_can_be():
    assert can_be_softened(as_log_density(lambda x: -x @ x))
    assert can_be_softened(targets.get("planar_robot_4"))
    assert not can_be_softened(densities.black_box(lambda x: -np.sum(x**2, axis=1)))
    assert not can_be_softened(targets.get("german_credit_mb"))


def wall(x):
    """A scale x0^2 with four observations: -2 / x0^4 has no expectation under a Gaussian."""
    scale = jnp.square(x[0])
    return -4.0 * jnp.log(scale) - 2.0 / jnp.square(scale) - 0.5 * (x[0] ** 2 / 2.25 + x[1] ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("x64", [False, True])
def test_a_fit_beside_a_wall_is_right_and_ends(x64):
    grid = np.linspace(0.2, 12.0, 200_001)
    values = -4.0 * np.log(grid**2) - 2.0 / grid**4 - 0.5 * grid**2 / 2.25
    step = grid[1] - grid[0]
    expected = np.log(2.0 * np.sum(np.exp(values)) * step) + 0.5 * np.log(2.0 * np.pi)
    with enable_x64(x64):
        result = gmmvi.fit(wall, 2, verbose=False)
        diagnosis = result.diagnose()
        draws = np.asarray(result.gmm.sample(0, 10_000))
    assert result.gmm.means.dtype == (jnp.float64 if x64 else jnp.float32)
    assert str(result.status) == "converged"
    assert level_of(result.target) is not None
    assert abs(float(diagnosis.log_z.value) - expected) < 0.05
    assert diagnosis.verdict.startswith("nothing speaks against")
    assert abs(np.mean(draws[:, 0] > 0.0) - 0.5) < 0.03
