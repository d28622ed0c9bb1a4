"""What a target must be, told before anything long is compiled."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.check import check_target
from gmmvi_jax.densities.evaluation import evaluate_rows
from gmmvi_jax.training.watch import start_watch

POINT = jnp.zeros(2)
FIRST_ORDER = gmmvi.samtron(2)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class ZeroOrderStub:
    """Stands for an estimator that computes no gradient."""

    uses_target_gradient: bool = False


ZERO_ORDER = FIRST_ORDER.replace(natural_gradient=ZeroOrderStub())


def density(point):
    return -0.5 * jnp.sum(point**2)


def with_attributes(function: Any, **attributes: Any) -> Any:
    """Returns an object that JAX does not know, with these attributes."""
    return type("Target", (), {"__call__": lambda self, *a: function(*a), **attributes})()


def through_a_callback(point):
    """A plain callback inside of the user's function: it has no derivative."""
    shape = jax.ShapeDtypeStruct((), point.dtype)
    return jax.pure_callback(minus_squares, shape, point, vmap_method="sequential")


def minus_squares(point):
    return np.float32(-0.5 * np.sum(np.square(point)))


def refuse(*_):
    raise AssertionError("somebody asked for the gradient")


def check(target, config=FIRST_ORDER):
    estimator = config.algorithm.natural_gradient
    check_target(as_log_density(target), config.dim, POINT.dtype, estimator)


WITHOUT_GRADIENT = [
    densities.black_box(lambda points: -0.5 * np.sum(points**2, axis=1)),
    with_attributes(density, has_gradient=False),
    through_a_callback,
    with_attributes(density, value_and_grad=refuse),
]


@pytest.mark.parametrize("target", WITHOUT_GRADIENT)
def test_an_estimator_that_needs_a_gradient_refuses_a_target_without(target):
    with pytest.raises(
        ValueError, match=r"Stein \(S .*the log density \(\w+\).* Z .*value_and_grad"
    ):
        check(target)


@pytest.mark.parametrize("target", WITHOUT_GRADIENT)
def test_a_zero_order_estimator_never_asks_for_the_gradient(target):
    check(target, ZERO_ORDER)


@pytest.mark.parametrize("target", WITHOUT_GRADIENT)
def test_without_a_buffer_for_gradients_nothing_is_differentiated(target):
    points, one = jnp.arange(22.0).reshape(11, 2), jnp.asarray(1)
    values, gradients = jax.jit(
        lambda target, points: evaluate_rows(
            jax.random.key(0), target, points, one, one + 5, 4, jnp.zeros(11), None
        )
    )(as_log_density(target), points)
    assert gradients is None
    np.testing.assert_array_equal(values[1:6], -0.5 * np.sum(points[1:6] ** 2, axis=1))


def test_a_target_that_cannot_be_vectorised_is_pointed_to_black_box():
    def callback(point):
        return jax.pure_callback(minus_squares, jax.ShapeDtypeStruct((), point.dtype), point)

    with pytest.raises(ValueError, match=r"not under jax\.vmap.*vmap_method.*black_box"):
        check(callback, ZERO_ORDER)


def test_the_error_names_the_target_and_what_jax_says():
    with pytest.raises(ValueError, match=r"\(through_a_callback\).*do not support JVP"):
        check(through_a_callback)


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda self, x: (density(x), x[:1]), r"gradient .*shape \(2,\).*got \(1,\)"),
        (lambda self, x: (density(x), x.astype(jnp.bfloat16)), "float32, got .*bfloat16"),
        (
            lambda self, x: (x, x),
            r"value_and_grad of the log density must return a scalar .*\(2,\)",
        ),
        (lambda self, x: x, "a pair"),
        (lambda self, x: (density(x), None), "None"),
    ],
)
def test_an_own_gradient_of_another_form_is_refused(gradient, message):
    target = with_attributes(density, value_and_grad=gradient)
    with pytest.raises(TypeError, match=message):
        check(target)
    check(target, ZERO_ORDER)


def test_an_own_gradient_is_taken():
    check(with_attributes(through_a_callback, value_and_grad=lambda self, x: (density(x), -x)))


def test_stochastic_targets_are_called_with_a_key():
    def noisy(point, key):
        return density(point) + jax.random.normal(key)

    check(densities.stochastic(noisy))
    check(with_attributes(noisy, is_stochastic=True))
    with pytest.raises(ValueError, match=r"missing .*densities\.stochastic\(f\)"):
        check(noisy)
    with pytest.raises(ValueError, match="declared stochastic, so it is called with a PRNG key"):
        check(densities.stochastic(density))  # pyright: ignore[reportArgumentType]


def test_a_full_density_is_checked_too():
    with pytest.raises(TypeError, match=r"full of the log density must return a scalar .*\(2,\)"):
        check(with_attributes(density, full=lambda self, x: x))


def test_a_numpy_function_is_pointed_to_black_box():
    with pytest.raises(ValueError, match=r"densities\.black_box\(f\)"):
        check(lambda x: np.exp(-np.asarray(x)).sum())


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda p, with_gradient: p[:, 0], "a pair"),
        (lambda p, with_gradient: (p, p), r"log densities .*\(2,\).*got \(2, 2\)"),
        (lambda p, with_gradient: (p[:, 0], None), r"gradients .*\(2, 2\).*got None"),
        (lambda p, with_gradient: (p[:, 0].astype(jnp.bfloat16), p), "bfloat16"),
    ],
)
def test_an_evaluation_in_batches_of_another_form_is_refused(result, message):
    def evaluate_batch(self, points, num_live, with_gradient):
        return result(points, with_gradient)

    with pytest.raises(TypeError, match=message):
        check(with_attributes(density, evaluate_batch=evaluate_batch))


def test_an_evaluation_in_batches_without_gradients_serves_a_zero_order_estimator():
    target = with_attributes(density, evaluate_batch=lambda self, p, n, g: (p[:, 0], None))
    check(target, ZERO_ORDER)


def test_the_dimension_of_a_plain_object_is_checked():
    with pytest.raises(ValueError, match="dim 3"):
        check(with_attributes(density, dim=3))
    check(with_attributes(density, dim=lambda self: 3))  # not a number: something else is meant


def test_errors_in_the_gradient_of_a_black_box_show_at_once():
    def no_gradient(points):
        raise RuntimeError("this adjoint is not implemented")

    target = densities.black_box(lambda points: -np.sum(points**2, axis=1), gradient=no_gradient)
    with pytest.raises((RuntimeError, ValueError), match="this adjoint is not implemented"):
        start_watch(FIRST_ORDER, target, None, None)


@pytest.mark.parametrize(
    ("reads", "element"),
    [
        (lambda x: -(x[0] ** 2) - x[2] ** 2, 2),
        (lambda x: -x @ x + x[-3], -1),
        (jax.jit(lambda x: -(x[5] ** 2)), 5),
        (lambda x: -jnp.sum(x.reshape(1, 2)[0, 3] ** 2), 3),
    ],
)
def test_a_coordinate_that_does_not_exist_is_an_error(reads, element):
    with pytest.raises(ValueError, match=rf"reads index {element} of .* dim 2: is that right"):
        gmmvi.fit(reads, 2)


def test_coordinates_that_exist_are_read_in_every_way():
    def reads(x):
        taken = jax.lax.dynamic_index_in_dim(x, jnp.argmax(x), keepdims=False)
        return -x[0] * x[-1] - x[-2] * x[1] - taken - x[jnp.array([0, 1])].sum() - x[1:].sum()

    check_target(as_log_density(reads), 2, POINT.dtype, FIRST_ORDER.algorithm.natural_gradient)
