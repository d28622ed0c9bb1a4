"""Classifier two-sample test: can a small network tell two sets of samples apart?

Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.products import product
from gmmvi_jax.requirements import MOST_ROWS, require_int, require_rows
from gmmvi_jax.typing import Array, PRNGKey, PyTree

_BATCH_SIZE = 128
_LEARNING_RATE = 3e-3


class TwoSampleTest(NamedTuple):
    """How well a classifier distinguishes samples from reference samples."""

    accuracy: float  # on held-out samples; 0.5 if they cannot be distinguished
    standard_error: float  # binomial, at this accuracy


def classifier_two_sample_test(
    samples: ArrayLike,
    reference: ArrayLike,
    rng_key: PRNGKey | int,
    *,
    num_folds: int = 5,
    num_hidden: int = 64,
    num_steps: int = 1000,
) -> TwoSampleTest:
    """Returns the cross-validated accuracy of a network with two hidden layers.

    The larger set is truncated to the size of the smaller one. Coordinates are standardised with
    the moments of both sets together.

    Args:
        samples: [N, D].
        reference: [M, D].
        rng_key: a PRNG key, or an integer, its seed: folds, initial weights, minibatches.
        num_folds: every sample is held out once.
        num_hidden: units per layer.
        num_steps: of Adam, on minibatches of 128.

    Raises:
        ValueError: the shapes do not fit, or there are too few samples for the folds.
    """
    rng_key = typed_key(rng_key)
    require_int("num_folds", num_folds)
    require_int("num_hidden", num_hidden, 1, 10_000)
    require_int("num_steps", num_steps, 1, MOST_ROWS)
    first = require_rows("samples", samples)
    second = require_rows("reference", reference, first.shape[1])
    if not 2 <= num_folds <= min(len(first), len(second)):
        raise ValueError(
            f"num_folds is {num_folds}; it must be at least 2 and at most the number of samples or "
            f"reference samples, "
            f"{min(len(first), len(second))}."
        )
    count = min(len(first), len(second)) // num_folds * num_folds
    points = np.concatenate([first[:count], second[:count]])
    scale = points.std(axis=0)
    points = (points - points.mean(axis=0)) / np.where(scale > 0.0, scale, 1.0)
    labels = np.repeat([1.0, 0.0], count)
    key_folds, key_fit = jax.random.split(rng_key)
    order = np.asarray(jax.random.permutation(key_folds, 2 * count)).reshape(num_folds, -1)
    points, labels = jnp.asarray(points), jnp.asarray(labels, jnp.result_type(float))
    keys = jax.random.split(key_fit, num_folds)
    correct = _cross_validate(keys, points, labels, jnp.asarray(order), num_hidden, num_steps)
    accuracy = float(correct)
    return TwoSampleTest(accuracy, float(np.sqrt(accuracy * (1.0 - accuracy) / (2 * count))))


@partial(jax.jit, static_argnames=("num_hidden", "num_steps"))
def _cross_validate(
    keys: PRNGKey, points: Array, labels: Array, folds: Array, num_hidden: int, num_steps: int
) -> Array:
    """Returns the mean accuracy over folds [F, N/F] of row indices, each held out once."""

    def one_fold(key: PRNGKey, index: Array) -> Array:
        others = jnp.roll(folds, -index, axis=0)
        held_out, rest = others[0], others[1:].reshape(-1)
        network = _train(key, points[rest], labels[rest], num_hidden, num_steps)
        return jnp.mean((_logits(network, points[held_out]) > 0.0) == (labels[held_out] > 0.5))

    return jnp.mean(jax.vmap(one_fold)(keys, jnp.arange(folds.shape[0], dtype=jnp.int32)))


def _train(
    key: PRNGKey, points: Array, labels: Array, num_hidden: int, num_steps: int
) -> list[tuple[Array, Array]]:
    key_network, key_batches = jax.random.split(key)
    sizes = (points.shape[1], num_hidden, num_hidden, 1)
    initialise = jax.nn.initializers.he_normal()
    network = [
        (initialise(layer_key, (rows, columns), points.dtype), jnp.zeros(columns, points.dtype))
        for layer_key, rows, columns in zip(
            jax.random.split(key_network, 3), sizes[:-1], sizes[1:], strict=True
        )
    ]
    optimiser = optax.adam(optax.cosine_decay_schedule(_LEARNING_RATE, num_steps))

    def loss(network: list[tuple[Array, Array]], rows: Array) -> Array:
        logits = _logits(network, points[rows])
        return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, labels[rows]))

    def step(carry: tuple[PyTree, PyTree], key: PRNGKey) -> tuple[tuple[PyTree, PyTree], None]:
        network, state = carry
        rows = jax.random.randint(key, (_BATCH_SIZE,), 0, points.shape[0])
        updates, state = optimiser.update(jax.grad(loss)(network, rows), state)
        return (optax.apply_updates(network, updates), state), None

    start = (network, optimiser.init(network))
    (network, _), _ = jax.lax.scan(step, start, jax.random.split(key_batches, num_steps))
    return network


def _logits(network: list[tuple[Array, Array]], points: Array) -> Array:
    """Returns [N] the log odds that points are samples, not reference samples."""
    values = points
    for number, (weights, offsets) in enumerate(network):
        values = product(values, weights) + offsets
        if number + 1 < len(network):
            values = jax.nn.relu(values)
    return values[:, 0]
