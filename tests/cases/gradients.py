"""Densities whose values are right while their gradients are not. Each takes ONE point [D]."""

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.typing import Array


def overflow_trap(x: Array) -> Array:
    """A normal in 2-D with a dent; the branch not taken overflows, and its gradient is NaN."""
    dent = jnp.where(x[0] > 0.0, jnp.exp(-100.0 * x[0]), 0.0)
    return -0.5 * jnp.sum(x**2) - dent


def pair_distance(x: Array) -> Array:
    """Three points of a plane at distances of about 1; the diagonal has the root of 0."""
    points = x.reshape(3, 2)
    squares = jnp.sum((points[:, None] - points[None]) ** 2, axis=-1)
    stretch = jnp.where(jnp.eye(3) > 0.0, 0.0, jnp.sqrt(squares) - 1.0)
    return -0.5 * jnp.sum(stretch**2) - 0.05 * jnp.sum(x**2)


def one_bad_gradient(x: Array) -> Array:
    """A normal in 5-D whose gradient is NaN in coordinate 3."""
    return -0.5 * jnp.sum(x**2) + 0.0 * jnp.sqrt(x[3] - x[3])


def plateau(x: Array) -> Array:
    """A narrow normal in 2-D of rounded coordinates: the gradient is 0 everywhere."""
    return -0.5 * jnp.sum((jnp.round(1000.0 * x) / 10.0) ** 2)


def _two_classes() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    features = generator.normal(size=(5000, 7)).astype(np.float32)
    score = features @ generator.normal(size=7)
    return features, np.where(generator.random(5000) < 1.0 / (1.0 + np.exp(-score)), 1.0, 0.0)


_FEATURES, _LABELS = _two_classes()


def logistic_by_hand(x: Array) -> Array:
    """A logistic regression in 7-D that takes logs of sigmoids: far out 0 * log 0 is NaN."""
    labels = jnp.asarray(_LABELS, x.dtype)
    chance = jax.nn.sigmoid(jnp.asarray(_FEATURES, x.dtype) @ x)
    log_likelihood = labels * jnp.log(chance) + (1.0 - labels) * jnp.log(1.0 - chance)
    return jnp.sum(log_likelihood) - 0.5 * jnp.sum((x / 4.0) ** 2)
