"""What holds for every target in the registry."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax import targets
from gmmvi_jax.targets import Target

from ..double_precision import enable_x64

NAMES = targets.names()


@functools.cache
def get(name: str, seed: int = 0) -> Target:
    """Return the target, or skip the test of one whose package is not installed."""
    try:
        return targets.get(name, seed)
    except ImportError as error:
        pytest.skip(str(error))


MOST_AXES, MANY_AXES = 300, 40  # of targets with more than 300 dimensions 40 are checked


def evaluate(target: Target, x: jax.Array) -> jax.Array:
    """Evaluate at one point, stochastic targets always with the same key."""
    key = (jax.random.key(0),) if getattr(target, "is_stochastic", False) else ()
    return target(x, *key)


# One compiled program per target and precision serves the whole file: compiling is what takes time.
value = jax.jit(evaluate)
values_and_gradients = jax.jit(
    lambda target, points: jax.vmap(jax.value_and_grad(evaluate, 1), (None, 0))(target, points)
)


def initial_points(target: Target, num_points: int) -> np.ndarray:
    """Draw [num_points, D] where a run would start, exact in float32."""
    noise = np.random.default_rng(1).normal(size=(num_points, target.dim))
    points = np.asarray(target.prior_mean) + np.asarray(target.prior_scale) * noise
    return points.astype(np.float32).astype(np.float64)


def checked_axes(dim: int) -> np.ndarray:
    """Return the dimensions along which gradients are checked: all, or some of a network's."""
    if dim <= MOST_AXES:
        return np.arange(dim)
    return np.random.default_rng(2).choice(dim, MANY_AXES, replace=False)


@pytest.mark.parametrize("name", NAMES)
def test_meets_the_protocol(name: str) -> None:
    target = get(name)
    assert isinstance(target, Target)
    assert target.name == name
    for setting in (target.prior_mean, target.prior_scale, target.initial_covariance):
        assert np.shape(setting) in ((), (target.dim,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        target.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("name", "dim", "prior_scale", "initial_covariance"),
    [
        ("gmm20", 20, 31.63, 1000.0),
        ("gmm100", 100, 31.63, 1000.0),
        ("stm20", 20, 100.0, 300.0),
        ("stm300", 300, 100.0, 300.0),
        ("breast_cancer", 31, 10.0, 100.0),
        ("german_credit", 25, 10.0, 100.0),
        ("breast_cancer_mb", 31, 10.0, 100.0),
        ("german_credit_mb", 25, 10.0, 100.0),
        ("wine", 177, 1.0, 1.0),
        ("digits", 2410, 0.2, 0.01),
        ("talos", 34, 1.0, 1.0),
        ("planar_robot_1", 10, [1.0] + 9 * [0.2], [0.0625] + 9 * [0.0025]),
        ("planar_robot_4", 10, [1.0] + 9 * [0.2], [0.0625] + 9 * [0.0025]),
        ("funnel", 10, 3.0, 9.0),
        ("banana", 2, 10.0, 100.0),
        ("many_well", 32, 2.0, 1.0),
        ("rings", 2, 2.0**1.5, 1.0),
        ("gmm40", 2, 31.63, 1000.0),
        ("gmm40_50d", 50, 31.63, 1000.0),
        ("ionosphere", 35, 1.0, 1.0),
        ("sonar", 61, 1.0, 1.0),
        ("seeds", 26, 1.0, 1.0),
        ("brownian", 32, 1.0, 1.0),
        ("lgcp", 256, 1.0, 1.0),
        ("lennard_jones", 39, 1.0, 0.1),
    ],
)
def test_published_initial_mixtures(
    name: str, dim: int, prior_scale: float | list[float], initial_covariance: float | list[float]
) -> None:
    target = get(name)
    assert target.dim == dim
    assert np.all(np.asarray(target.prior_mean) == 0)
    np.testing.assert_allclose(target.prior_scale, prior_scale, rtol=1e-12)
    np.testing.assert_allclose(target.initial_covariance, initial_covariance, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_and_precision(name: str) -> None:
    target = get(name)
    num_points, dim, step = 3, target.dim, 1e-5
    centres = initial_points(target, num_points)
    axes = checked_axes(dim)
    shifts = step * np.concatenate([np.eye(dim)[axes], -np.eye(dim)[axes]])  # [2 A, D]
    points = np.concatenate([centres, (centres[:, None] + shifts).reshape(-1, dim)])

    with enable_x64(True):
        values, gradients = map(np.asarray, values_and_gradients(target, points))
        assert values.dtype == gradients.dtype == np.float64
    gradients = gradients[:num_points, axes]
    forward, backward = np.split(values[num_points:].reshape(num_points, -1), 2, axis=1)
    differences = (forward - backward) / (2 * step)
    scale = np.max(np.abs(differences), axis=1, keepdims=True)
    np.testing.assert_allclose(gradients / scale, differences / scale, atol=2e-6)

    single_values, single_gradients = map(np.asarray, values_and_gradients(target, points))
    assert single_values.dtype == single_gradients.dtype == np.float32
    # Of the shifted points float32 sees no more than the centres, which it represents exactly.
    np.testing.assert_allclose(single_values[:num_points], values[:num_points], rtol=3e-6)
    errors = np.abs(single_gradients[:num_points, axes] - gradients) / scale
    np.testing.assert_array_less(errors, 1e-4)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", NAMES)
def test_follows_the_dtype_of_the_point(name: str) -> None:
    target = get(name)
    for dtype in (jnp.float32, jnp.float64):
        point = jax.ShapeDtypeStruct((target.dim,), dtype)
        density = jax.eval_shape(evaluate, target, point)
        assert density.shape == ()
        assert density.dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_data_are_arguments_of_the_program(name: str) -> None:
    target = get(name)
    with jax.numpy_rank_promotion("raise"):  # users may have that on
        program = jax.make_jaxpr(evaluate)(target, np.zeros(target.dim))
    assert not program.consts


@pytest.mark.parametrize("name", NAMES)
def test_another_instance_does_not_recompile(name: str) -> None:
    # jit's key: the structure, static name included, and the shapes and dtypes of the leaves.
    first, second = (jax.tree.flatten(get(name, seed)) for seed in (0, 1))
    assert first[1] == second[1]
    for one, other in zip(first[0], second[0], strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype == np.float64


@pytest.mark.parametrize("name", NAMES)
def test_vmap_is_the_loop_and_device_put_changes_nothing(name: str) -> None:
    target = get(name)
    on_device = jax.device_put(target)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(on_device))
    assert on_device.dim == target.dim
    num_points = 3 + 6 * len(checked_axes(target.dim))  # as many as above: no new program
    points = initial_points(target, num_points)
    batched, _ = values_and_gradients(target, points)
    looped = [value(on_device, x) for x in points[:5]]
    np.testing.assert_allclose(np.asarray(batched)[:5], looped, rtol=2e-6)
