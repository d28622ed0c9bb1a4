"""Densities that count: with gradients, and with differences in their place."""

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.multistart.counted import counted_density

CURVATURES = np.array([1.0, 1e4, 1e-2])
CENTRE, SCALE = np.array([1.0, -2.0, 0.5]), np.array([2.0, 1.0, 10.0])


def bowl(x):
    return -0.5 * jnp.sum(jnp.asarray(CURVATURES) * x**2)


def numpy_bowl(x):
    return -0.5 * np.sum(CURVATURES * x**2, axis=-1)


def gradient_of(z):
    return -CURVATURES * (CENTRE + SCALE * z) * SCALE


@pytest.mark.usefixtures("float64")
def test_differences_are_the_gradient_of_a_quadratic():
    calls = []

    def counted(points):
        calls.append(len(points))
        return numpy_bowl(points)

    density = counted_density(gmmvi.densities.black_box(counted, dim=3), CENTRE, SCALE)
    z = np.array([0.3, 2.1, -0.4])
    value, gradient = density(z)
    np.testing.assert_allclose(value, numpy_bowl(CENTRE + SCALE * z), rtol=1e-12)
    np.testing.assert_allclose(gradient, gradient_of(z), rtol=1e-8)
    assert density.value(z) == value
    assert density.num_evaluations == sum(calls) == 2 * 3 + 1 + 1


def test_steps_of_differences_follow_the_curvature_in_float32():
    density = counted_density(gmmvi.densities.black_box(numpy_bowl, dim=3), CENTRE, SCALE)
    z = -CENTRE / SCALE + np.array([0.1, 0.003, 1.0])  # about half a standard deviation away
    gradients = [density(z)[1] for _ in range(6)]
    np.testing.assert_allclose(gradients[-1], gradient_of(z), rtol=0.01)


def test_a_gradient_is_not_computed_twice_at_a_place():
    density = counted_density(as_log_density(bowl), CENTRE, SCALE)
    value, gradient = density(np.ones(3))
    assert density.value(np.ones(3)) == value
    np.testing.assert_allclose(gradient, gradient_of(np.ones(3)), rtol=1e-5)
    assert density.num_evaluations == 1


def test_next_to_an_edge_there_is_a_value_and_no_slope():
    def half(points):
        return np.where(points[:, 0] < 1.0, numpy_bowl(points), -np.inf)

    density = counted_density(gmmvi.densities.black_box(half, dim=3), np.zeros(3), np.ones(3))
    value, gradient = density(np.array([0.999, 0.0, 0.0]))
    np.testing.assert_allclose(value, -0.5 * 0.999**2, rtol=1e-6)
    np.testing.assert_array_equal(gradient, 0.0)
    assert density.value(np.array([1.5, 0.0, 0.0])) == -np.inf
