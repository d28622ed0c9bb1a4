"""Positions that are pytrees: on the way in (settings), inside, and on the way out."""

import dataclasses
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.densities.evaluation import full_density, value_and_gradient
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.densities.position_settings import flat_setting
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.training.chunk import num_compilations

from ..double_precision import enable_x64


class Pair(NamedTuple):
    first: Any
    second: Any


EXAMPLES = [
    {"w": jnp.zeros((2, 3)), "b": 0.0},
    {"z": np.zeros(0), "a": [np.float32(1.0), {"c": np.zeros((1, 2))}]},
    Pair(jnp.zeros(3), (jnp.zeros(()), None)),
    jnp.zeros(4),
    {"half": jnp.zeros(2, jnp.bfloat16), "single": jnp.zeros(1)},
    {"shape": jax.ShapeDtypeStruct((2, 2), jnp.float32)},
]


def zeros_like(example):
    return jax.tree.map(
        lambda leaf: np.zeros(np.shape(leaf), getattr(leaf, "dtype", None)), example
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_vector_is_that_of_ravel_pytree(example):
    layout = position_layout(example)
    flat, unravel = ravel_pytree(zeros_like(example))
    assert layout.dim == len(layout.names) == len(flat)
    point = jnp.arange(1.0, layout.dim + 1.0)
    expected = unravel(point.astype(flat.dtype))
    found = layout.unravel(point)
    chex.assert_trees_all_equal(found, expected, strict=True)
    np.testing.assert_array_equal(layout.ravel(found), point)


@pytest.mark.parametrize("example", EXAMPLES)
def test_leading_axes_come_first_in_every_leaf(example):
    layout = position_layout(example)
    points = np.arange(5.0 * 2 * layout.dim, dtype=np.float32).reshape(5, 2, layout.dim)
    tree = layout.unravel(points)
    for leaf, shape in zip(jax.tree.leaves(tree), layout.shapes, strict=True):
        assert isinstance(leaf, np.ndarray)
        assert leaf.shape == (5, 2, *shape)
    np.testing.assert_array_equal(layout.ravel(tree), points)
    one = jax.tree.map(lambda leaf: leaf[3, 1], tree)
    np.testing.assert_array_equal(layout.ravel(one), points[3, 1])


def test_coordinates_are_named_by_their_path():
    names = position_layout({"w": jnp.zeros(2), "b": 0.0, "net": [jnp.zeros((1, 2))]}).names
    assert names == ["b", "net.0[0, 0]", "net.0[0, 1]", "w[0]", "w[1]"]
    assert position_layout(jnp.zeros(2)).names == ["x[0]", "x[1]"]


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (
            {"w": jnp.zeros(2), "n": jnp.arange(3)},
            "leaf 'n' is int32; .*floating-point .0.0 instead",
        ),
        ({"n": 3}, "leaf 'n' is int;"),
        ({"n": True}, "leaf 'n' is bool;"),
        ({"n": 1j}, "leaf 'n' is complex;"),
        ({"n": "text"}, "leaf 'n' is str;"),
        ({"n": object()}, "leaf 'n' is object;"),
        ({"n": jax.random.key(0)}, "leaf 'n' is"),
    ],
)
def test_a_leaf_that_is_no_real_array_is_refused(example, message):
    with pytest.raises(TypeError, match=message):
        position_layout(example)


def test_a_position_without_coordinates_is_refused():
    for example in ({}, {"n": None}, np.zeros((0, 3))):
        with pytest.raises(ValueError, match="no coordinates"):
            position_layout(example)


def test_another_structure_or_shape_is_refused():
    layout = position_layout({"w": jnp.zeros(2), "b": 0.0})
    with pytest.raises(ValueError, match=r"must have the structure.*lacks 'b'"):
        layout.ravel({"w": jnp.zeros(2)})
    with pytest.raises(ValueError, match=r"'w' must have shape \(5, 2\), got \(2,\)"):
        layout.ravel({"b": jnp.zeros(5), "w": jnp.zeros(2)})


# The density's own attributes, in the coordinates of the vector.

EXAMPLE = {"w": jnp.zeros(3), "b": 0.0}
POINT = jnp.array([1.0, 2.0, 3.0, 4.0])  # b first


@register_pytree
@dataclasses.dataclass(frozen=True)
class Noisy:
    """A stochastic density with data, a gradient of its own, and a full density."""

    scale: Any
    is_stochastic = True

    def __call__(self, position, key):
        return self.full(position) + jax.random.normal(key)

    def value_and_grad(self, position, key):
        return self(position, key), {"w": jnp.full(3, 5.0), "b": jnp.float32(6.0)}

    def full(self, position):
        return -self.scale * position["b"] + jnp.sum(position["w"])


def test_a_plain_density_has_no_more_than_it_has():
    target = densities.on_pytree(lambda p: p["b"] * jnp.sum(p["w"]), EXAMPLE)
    assert target.dim == 4
    assert not target.is_stochastic
    assert target.has_gradient
    for name in ("full", "value_and_grad", "evaluate_batch"):
        assert getattr(target, name, None) is None
    value, gradient = value_and_gradient(target)(POINT)
    assert value == 9.0
    np.testing.assert_array_equal(gradient, [9.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(target.ravel(target.unravel(POINT)), POINT)


def test_what_the_density_offers_is_offered_for_the_vector():
    target = densities.on_pytree(densities.stochastic(Noisy(jnp.float32(2.0))), EXAMPLE)
    assert target.is_stochastic
    assert len(jax.tree.leaves(target)) == 1
    assert full_density(target)(POINT) == 7.0
    key = jax.random.key(0)
    value, gradient = value_and_gradient(target)(POINT, key)
    assert value == target(POINT, key) != 7.0
    np.testing.assert_array_equal(gradient, [6.0, 5.0, 5.0, 5.0])


def test_a_black_box_gets_the_points_as_a_pytree():
    shapes = []

    def function(points):
        shapes.append(jax.tree.map(np.shape, points))
        return points["b"] * points["w"].sum(axis=1)

    def gradient(points):
        slopes = np.broadcast_to(points["b"][:, None], points["w"].shape)
        return {"w": slopes, "b": points["w"].sum(axis=1)}

    target = densities.on_pytree(densities.black_box(function, gradient=gradient), EXAMPLE)
    assert target.has_gradient
    points = jnp.stack([POINT, 2.0 * POINT, 3.0 * POINT])
    values, gradients = jax.jit(target.evaluate_batch, static_argnums=2)(points, 2, True)
    assert shapes == [{"b": (2,), "w": (2, 3)}]
    np.testing.assert_array_equal(values[:2], [9.0, 36.0])
    np.testing.assert_array_equal(gradients[:2], [[9.0, 1, 1, 1], [18.0, 2, 2, 2]])
    assert target(POINT) == 9.0
    np.testing.assert_array_equal(jax.grad(target)(POINT), [9.0, 1.0, 1.0, 1.0])
    one_by_one = densities.black_box(
        lambda p: p["b"] * p["w"].sum(),
        gradient=lambda p: {"w": np.full(3, p["b"]), "b": p["w"].sum()},
        batched=False,
    )
    flat_target: Any = densities.on_pytree(one_by_one, EXAMPLE)
    _, gradients = flat_target.evaluate_batch(points, 2, True)
    np.testing.assert_array_equal(gradients[:2], [[9.0, 1, 1, 1], [18.0, 2, 2, 2]])
    assert not densities.on_pytree(densities.black_box(function), EXAMPLE).has_gradient


def test_leaves_of_another_dtype_than_the_run():
    example = {"w": jnp.zeros(2, jnp.bfloat16)}
    target = densities.on_pytree(lambda p: jnp.sum(p["w"]), example)
    assert target(jnp.ones(2)).dtype == jnp.float32
    with enable_x64(True):
        assert jax.eval_shape(target, jax.ShapeDtypeStruct((2,), float)).dtype == jnp.float64


def test_settings_are_pytrees_too():
    for dim in (EXAMPLE, 4):
        config = gmmvi.samtron(
            dim,
            prior_mean={"w": [1.0, 2.0, 3.0], "b": -1} if dim == 4 else {"w": 2.0, "b": -1},
            prior_scale={"w": [2.0, 2.0, 2.0], "b": 3.0},
            initial_covariance=0.5,
        )
        assert config.dim == 4
        start = config.algorithm.initial_mixture
        mean = [-1, 1, 2, 3] if dim == 4 else [-1, 2, 2, 2]
        np.testing.assert_array_equal(start.prior_mean, mean)
        np.testing.assert_array_equal(start.prior_scale, [3, 2, 2, 2])
        np.testing.assert_array_equal(start.initial_variance, 0.5)
    by_position = gmmvi.samtron([jnp.zeros(2), 0.0], prior_mean=[1.0, 5.0])
    np.testing.assert_array_equal(by_position.algorithm.initial_mixture.prior_mean, [1, 1, 5])
    matrix = gmmvi.samtron(jnp.zeros((2, 2)), prior_mean=np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(matrix.algorithm.initial_mixture.prior_mean, [1, 2, 3, 4])
    as_vector = gmmvi.samtron([jnp.zeros(2), 0.0], prior_mean=[1.0, 2.0, 5.0])
    np.testing.assert_array_equal(as_vector.algorithm.initial_mixture.prior_mean, [1, 2, 5])


@pytest.mark.parametrize(
    ("dim", "settings", "message"),
    [
        (EXAMPLE, {"prior_mean": {"w": 1.0}}, "prior_mean must be .*pytree like the position"),
        (EXAMPLE, {"prior_scale": {"w": [1.0], "b": 1.0}}, r"prior_scale: leaf 'w' .*\(3,\)"),
        (EXAMPLE, {"prior_scale": {"w": 1.0, "b": 0.0}}, "prior_scale must be positive"),
        (5, {"prior_mean": {"w": np.zeros(3), "b": 0.0}}, r"prior_mean .*\(5,\), got shape \(4,\)"),
        (2.5, {}, "dim must be an integer of at least 1, got 2.5"),
        (jnp.zeros(()), {}, "dim must be an integer"),
        (None, {}, "dim must be an integer"),
    ],
)
def test_a_bad_setting_is_named(dim, settings, message):
    with pytest.raises(ValueError, match=message):
        gmmvi.samtron(dim, **settings)


def test_a_vector_setting_is_left_alone():
    values = [1.0, 2.0, 3.0, 4.0]
    for layout in (None, position_layout(EXAMPLE)):
        assert flat_setting("prior_mean", values, layout) is values
        assert flat_setting("prior_mean", 1.0, layout) == 1.0
        assert flat_setting("prior_mean", None, layout) is None
    assert flat_setting("initial_covariance", None, position_layout({"b": 0.0})) is None


def config_for(position, **settings):
    # The smallest algorithm, to compile fast.
    return gmmvi.from_codename(
        "SEMIFUX",
        position,
        num_iterations=30,
        log_every=10,
        diagnostic_samples=100,
        desired_samples=100,
        reuse_ratio=0.0,
        num_initial_components=2,
        max_components=2,
        initial_component_stepsize=0.3,
        **settings,
    )


MEANS = {"w": np.array([1.0, -2.0, 0.5]), "b": 4.0}
SCALES = {"w": np.array([0.5, 1.0, 2.0]), "b": 0.25}


def gaussian(position):
    residuals = jax.tree.map(lambda x, mean, scale: (x - mean) / scale, position, MEANS, SCALES)
    return -0.5 * (jnp.sum(residuals["w"] ** 2) + residuals["b"] ** 2)


@pytest.mark.slow  # domains/test_positions.py has one of every day
def test_training_on_a_dict_finds_the_mean_of_every_leaf():
    config = config_for(EXAMPLE, prior_scale={"w": 1.0, "b": 2.0})
    result = gmmvi.train(config, gaussian)
    samples = result.sample(jax.random.key(0), 4000)
    assert jax.tree.map(jnp.shape, samples) == {"w": (4000, 3), "b": (4000,)}
    for name, mean in MEANS.items():
        np.testing.assert_allclose(
            np.mean(samples[name], axis=0), mean, atol=float(np.max(0.1 * SCALES[name]))
        )
        np.testing.assert_allclose(np.std(samples[name], axis=0), SCALES[name], rtol=0.1)
    assert jax.tree.map(jnp.shape, result.sample(0, 2)) == {"w": (2, 3), "b": (2,)}

    modes = result.modes()
    np.testing.assert_allclose(modes.locations["w"][0], MEANS["w"], atol=0.2)
    np.testing.assert_allclose(modes.locations["b"][0], MEANS["b"], atol=0.05)
    assert modes.locations["b"].shape == modes.masses.shape
    text = result.summary()
    assert "(b=4" in text
    assert "w[0]=" in text
    assert all(len(line) <= 80 for line in text.splitlines())

    compiled = num_compilations()
    like = {"w": np.ones(3, np.float32), "b": 7.0}
    start = {"prior_mean": 0.0, "prior_scale": {"w": 1.0, "b": 2.0}}
    again = gmmvi.train(config_for(like, **start), gaussian)
    assert num_compilations() == compiled  # only shapes and dtypes matter
    np.testing.assert_array_equal(again.gmm.means, result.gmm.means)


def test_a_target_on_positions_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match="dim 4, but the config was made for dim 3"):
        gmmvi.train(config_for(3), densities.on_pytree(gaussian, EXAMPLE))
