"""The user's function as a pytree: what is data, what is part of the program."""

import copy
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.densities.callable_pytree import StaticCallable, as_log_density
from gmmvi_jax.densities.evaluation import value_and_gradient
from gmmvi_jax.numerics.pytree import register_pytree

evaluate: Any = jax.jit(lambda target, point: target(point))


class PlainTarget:
    """An object that JAX does not know."""

    dim = 2

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, point):
        return -self.scale * jnp.sum(point**2)

    def value_and_grad(self, point):
        return self(point), jnp.full(2, 7.0)

    def log_prob(self, point):
        return self(point)


@dataclasses.dataclass
class UnhashableTarget:
    """A dataclass with ``==`` has no hash."""

    centre: Any

    def __call__(self, point):
        return -jnp.sum((point - self.centre) ** 2)


@register_pytree
@dataclasses.dataclass(frozen=True)
class LabelledTarget:
    """A pytree with a leaf that is no array."""

    label: str
    centre: Any

    def __call__(self, point):
        return -jnp.sum((point - self.centre) ** 2)


def test_attributes_of_an_object_survive():
    target = as_log_density(PlainTarget(2.0))
    assert jax.tree.leaves(target) == []
    assert target.dim == 2
    value, gradient = jax.jit(lambda t, x: value_and_gradient(t)(x))(target, jnp.ones(2))
    assert value == -4.0
    np.testing.assert_array_equal(gradient, 7.0)  # its own, not autodiff's
    assert getattr(target, "is_stochastic", None) is None


def test_attributes_of_a_function_survive():
    def density(point):
        return -jnp.sum(point)

    density.dim = 3  # pyright: ignore[reportFunctionMemberAccess]
    assert as_log_density(density).dim == 3


def test_a_pytree_stays_what_it_is():
    target = jax.tree_util.Partial(lambda centre, point: -jnp.sum(point - centre), jnp.ones(2))
    assert as_log_density(target) is target
    assert len(jax.tree.leaves(as_log_density(target))) == 1


def test_a_pytree_with_leaves_that_are_no_arrays_is_part_of_the_program():
    target = as_log_density(LabelledTarget("name", np.ones(2)))
    assert jax.tree.leaves(target) == []
    assert evaluate(target, jnp.zeros(2)) == -2.0


@pytest.mark.parametrize(
    "make",
    [
        lambda shared: shared,
        lambda shared: shared.log_prob,  # a new object at each access
    ],
)
def test_the_same_callable_is_compiled_once(make):
    shared = PlainTarget(3.0)
    before = evaluate._cache_size()
    for _ in range(2):
        assert evaluate(as_log_density(make(shared)), jnp.ones(2)) == -6.0
    assert evaluate._cache_size() == before + 1


def test_objects_without_a_hash_are_equal_to_themselves_alone():
    first, second = UnhashableTarget(np.ones(2)), UnhashableTarget(np.zeros(2))
    assert as_log_density(first) == as_log_density(first)
    assert as_log_density(first) != as_log_density(second)
    assert evaluate(as_log_density(first), jnp.zeros(2)) == -2.0
    assert evaluate(as_log_density(second), jnp.zeros(2)) == 0.0


def test_other_functions_are_other_programs():
    make = functools.partial
    first, second = (as_log_density(make(lambda scale, x: scale * x[0], s)) for s in (1.0, 2.0))
    assert first != second
    assert first != "something else"
    assert [float(evaluate(target, jnp.ones(2))) for target in (first, second)] == [1.0, 2.0]


def test_it_can_be_copied():
    target = copy.deepcopy(as_log_density(PlainTarget(2.0)))
    assert isinstance(target, StaticCallable)
    assert target(jnp.ones(2)) == -4.0
