"""Targets that are called with a key: every sample has its own."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.densities.evaluation import (
    deterministic_density,
    evaluate_rows,
    evaluate_values,
    value_and_gradient,
)
from gmmvi_jax.evaluation import elbo
from gmmvi_jax.numerics.pytree import register_pytree

NUM_ROWS, CHUNK = 11, 4


def slope(key):
    return jax.random.normal(key)


def noisy_plane(point, key):
    """The gradient in every coordinate is the noise itself."""
    return slope(key) * jnp.sum(point)


@register_pytree
@dataclasses.dataclass(frozen=True)
class WithData:
    """A stochastic function that carries data and a gradient of its own."""

    centre: jax.Array
    dim = 2

    def __call__(self, point, key):
        return -jnp.sum((point - self.centre) ** 2) + jax.random.normal(key)

    def value_and_grad(self, point, key):
        return self(point, key), jnp.full_like(point, 7.0)

    def full(self, point):
        return -jnp.sum((point - self.centre) ** 2)


@jax.jit
def evaluate(key, target):
    """Evaluates at 11 equal points, in chunks of 4."""
    points = jnp.ones((NUM_ROWS + 2 * CHUNK, 2))
    rows = len(points)
    values, gradients = evaluate_rows(
        key,
        target,
        points,
        jnp.asarray(0),
        jnp.asarray(NUM_ROWS),
        CHUNK,
        jnp.zeros(rows),
        jnp.zeros((rows, 2)),
    )
    assert gradients is not None
    return values[:NUM_ROWS], gradients[:NUM_ROWS]


def test_every_sample_has_a_key_of_its_own_and_its_gradient_the_same():
    target = densities.stochastic(noisy_plane)
    values, gradients = evaluate(jax.random.key(0), target)
    assert len(np.unique(values)) == NUM_ROWS
    np.testing.assert_allclose(values, 2.0 * gradients[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(gradients[:, 0], gradients[:, 1])
    np.testing.assert_array_equal(values, evaluate(jax.random.key(0), target)[0])
    assert not np.any(np.isin(values, evaluate(jax.random.key(1), target)[0]))


def test_values_alone_have_keys_of_their_own_too():
    values = evaluate_values(
        jax.random.key(0),
        densities.stochastic(noisy_plane),
        jnp.ones((4, 2)),
        jnp.asarray(0),
        jnp.asarray(4),
    )
    assert len(np.unique(values)) == 4


def test_a_function_with_data_keeps_them_as_arguments_and_offers_what_it_has():
    target = densities.stochastic(WithData(jnp.ones(2)))
    assert target.is_stochastic
    assert len(jax.tree.leaves(target)) == 1
    assert target.dim == 2
    assert target.full(jnp.ones(2)) == 0.0
    _, gradient = value_and_gradient(target)(jnp.zeros(2), jax.random.key(0))
    np.testing.assert_array_equal(gradient, 7.0)


def test_one_function_declared_twice_is_one_program():
    first, second = (densities.stochastic(noisy_plane) for _ in range(2))
    assert jax.tree.structure(first) == jax.tree.structure(second)
    assert jax.tree.leaves(first) == []
    assert getattr(first, "full", None) is None


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="function"):
        densities.stochastic(3.0)  # pyright: ignore[reportArgumentType]


def test_what_is_reported_is_free_of_noise_where_it_can_be():
    gmm = gmmvi.GMM.from_moments([1.0], [[0.0, 0.0]], [[0.5, 0.5]])
    with_full = WithData(jnp.zeros(2))
    key = jax.random.key(3)
    estimate = elbo(gmm, densities.stochastic(with_full), key, 1000)
    assert estimate.mean == elbo(gmm, with_full.full, key, 1000).mean
    assert deterministic_density(densities.stochastic(with_full))(jnp.ones(2)) == -2.0

    def without(point, key):
        return with_full.full(point) + 3.0 * jax.random.normal(key)

    noisy = elbo(gmm, densities.stochastic(without), key, 1000)
    assert 2.5 < noisy.standard_error * np.sqrt(1000) < 3.5  # the draws' own spread is 0
    np.testing.assert_allclose(noisy.mean, estimate.mean, atol=5 * float(noisy.standard_error))
    density = deterministic_density(densities.stochastic(without))
    assert density(jnp.ones(2)) == density(jnp.ones(2))
