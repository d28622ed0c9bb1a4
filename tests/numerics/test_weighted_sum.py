"""Tests of the streamed importance-weighted sums against numpy on all samples at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.numerics.weighted_sum import WeightedSum, add_to_sum, empty_sum, normalizer
from gmmvi_jax.typing import Array

CHUNK, NUM_CHUNKS = 8, 5
GENERATOR = np.random.default_rng(3)
VALUES = GENERATOR.normal(size=(NUM_CHUNKS, CHUNK, 2))


@functools.partial(jax.jit, static_argnames="self_normalized")
def expectation(
    log_weights: Array, values: Array, num_samples: Array, self_normalized: bool
) -> dict[str, Array]:
    """Returns E[f] and E[|f|^2] from [chunks, C] log weights and [chunks, C, 2] values."""
    leftovers = {"mean": jnp.full(2, jnp.nan), "square": jnp.asarray(1e30)}
    empty = jax.tree.map(lambda leaf: leaf.astype(values.dtype), leftovers)

    def add_chunk(accumulated: WeightedSum, rows: tuple[Array, Array]) -> tuple[WeightedSum, None]:
        chunk_weights, chunk = rows

        def contribution(weights: Array) -> dict[str, Array]:
            return {"mean": weights @ chunk, "square": weights @ jnp.sum(chunk**2, axis=1)}

        return add_to_sum(accumulated, chunk_weights, contribution), None

    accumulated, _ = jax.lax.scan(add_chunk, empty_sum(empty, values.dtype), (log_weights, values))
    scale = normalizer(accumulated, num_samples, self_normalized)
    return jax.tree.map(lambda value: value * scale, accumulated.value)


def textbook(log_weights: np.ndarray, self_normalized: bool, num_samples: int) -> tuple:
    flat = log_weights.ravel()
    weights = scipy.special.softmax(flat) if self_normalized else np.exp(flat) / num_samples
    values = VALUES.reshape(-1, 2)
    return weights @ values, weights @ np.sum(values**2, axis=1)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("self_normalized", [True, False])
@pytest.mark.parametrize("order", ["as drawn", "ascending", "descending"])
def test_streamed_sums_are_the_sums_over_all_samples(self_normalized: bool, order: str) -> None:
    log_weights = 20.0 * np.random.default_rng(1).normal(size=(NUM_CHUNKS, CHUNK))
    log_weights[2, :3] = -np.inf
    if order != "as drawn":  # the running scale then grows at every chunk, or never
        log_weights = np.sort(log_weights, axis=None).reshape(NUM_CHUNKS, CHUNK)
        log_weights = log_weights if order == "ascending" else log_weights[::-1, ::-1]
    num_samples = 37
    found = expectation(log_weights, VALUES, jnp.asarray(num_samples), self_normalized)
    mean, square = textbook(log_weights, self_normalized, num_samples)
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-10)
    np.testing.assert_allclose(found["square"], square, rtol=1e-10)


def test_self_normalised_sums_survive_log_weights_that_float32_cannot_exponentiate() -> None:
    log_weights = GENERATOR.normal(size=(NUM_CHUNKS, CHUNK))
    near = expectation(log_weights, VALUES, jnp.asarray(40), True)
    expected, _ = textbook(log_weights, True, 40)
    np.testing.assert_allclose(near["mean"], expected, rtol=1e-5, atol=1e-6)
    for shift in (-3e4, 3e4):
        shifted = expectation(log_weights + shift, VALUES, jnp.asarray(40), True)
        # A log weight of 3e4 is rounded to 2e-3 in float32, and nothing worse happens.
        np.testing.assert_allclose(shifted["mean"], expected, atol=5e-3)


@pytest.mark.parametrize("self_normalized", [True, False])
def test_chunks_without_weight_before_behind_and_between_change_nothing(
    self_normalized: bool,
) -> None:
    log_weights = np.full((NUM_CHUNKS, CHUNK), -np.inf)
    log_weights[1] = GENERATOR.normal(size=CHUNK)
    log_weights[3] = GENERATOR.normal(size=CHUNK)
    found = expectation(log_weights, VALUES, jnp.asarray(16), self_normalized)
    mean, square = textbook(log_weights, self_normalized, 16)
    np.testing.assert_allclose(found["mean"], mean, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(found["square"], square, rtol=2e-5)


def test_without_any_weight_a_self_normalised_expectation_is_nan_and_a_plain_one_zero() -> None:
    log_weights = np.full((NUM_CHUNKS, CHUNK), -np.inf)
    assert np.all(np.isnan(expectation(log_weights, VALUES, jnp.asarray(16), True)["mean"]))
    assert np.all(np.asarray(expectation(log_weights, VALUES, jnp.asarray(16), False)["mean"]) == 0)


@pytest.mark.usefixtures("float64")
def test_a_stack_of_sums_is_each_of_them() -> None:
    log_weights = 5.0 * GENERATOR.normal(size=(3, NUM_CHUNKS, CHUNK))
    stacked = jax.vmap(expectation, in_axes=(0, None, None, None))(
        log_weights, VALUES, jnp.asarray(40), True
    )
    expected = [textbook(weights, True, 40)[0] for weights in log_weights]
    np.testing.assert_allclose(stacked["mean"], expected, rtol=1e-10)
    empty = empty_sum(jnp.zeros((3, 2)), jnp.dtype(float), (3,))
    assert empty.log_scale.shape == empty.total_weight.shape == (3,)
