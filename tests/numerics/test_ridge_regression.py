"""Tests of the streaming ridge regression against the textbook's, in double precision."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.quadratic_features import (
    Quadratic,
    centred_feature_sum,
    evaluate,
    feature_rows,
    feature_sum,
    num_features,
    ravel,
    unravel,
)
from gmmvi_jax.numerics.ridge_regression import Chunk, ridge_regression
from gmmvi_jax.typing import Array

DIM, ROWS, CHUNK = 12, 800, 100  # features: 90 full, 24 diagonal
EXACT = 1e-9
FORMS = pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
SOLVERS = pytest.mark.parametrize("preconditioned", [True, False], ids=["preconditioned", "plain"])


def textbook_features(whitened: np.ndarray, diagonal: bool) -> np.ndarray:
    """Returns [N, M] the features of points [N, D], not centred."""
    if diagonal:
        return np.concatenate([whitened**2, whitened], axis=1)
    dim = whitened.shape[1]
    products = [whitened[:, i] * whitened[:, j] for i in range(dim) for j in range(i + 1)]
    return np.concatenate([np.stack(products, axis=1), whitened], axis=1)


def textbook(
    features: np.ndarray, weights: np.ndarray, responses: np.ndarray, ridge: float
) -> np.ndarray:
    """Returns [M] the ridge regression with a constant that is not regularised.

    As a least-squares problem with rows for the ridge, so that few samples are no problem.
    """
    num_features = features.shape[1]
    root = np.sqrt(weights)[:, None]
    rows = np.concatenate([root * features, root], axis=1)
    penalty = np.sqrt(ridge) * np.eye(num_features, num_features + 1)
    right_side = np.concatenate([root[:, 0] * responses, np.zeros(num_features)])
    return np.linalg.lstsq(np.concatenate([rows, penalty]), right_side)[0][:-1]


@partial(jax.jit, static_argnames=("preconditioned", "diagonal"))
def fit(
    whitened: Any, weights: Any, responses: Any, ridge: Any, preconditioned: bool, diagonal: bool
) -> Array:
    """Returns [M] the coefficients, from points [N, D] and weights that sum to one."""
    means = feature_sum(whitened.T, weights, diagonal)
    centred = responses - weights @ responses

    def sweep(visit: Callable, initial: Any) -> Any:
        def visit_rows(index: Array, carry: Any) -> Any:
            rows = [
                jax.lax.dynamic_slice_in_dim(array, index * CHUNK, CHUNK)
                for array in (whitened, weights, centred)
            ]
            return visit(Chunk(rows[0].T, rows[1], rows[2]), carry)

        return jax.lax.fori_loop(0, len(whitened) // CHUNK, visit_rows, initial)

    return ravel(ridge_regression(sweep, means, ridge, sweep if preconditioned else None))


def make_samples(num_samples: int, spread: float = 1.0) -> tuple[np.ndarray, ...]:
    """Returns points, weights and responses that are no quadratic, exact in single precision.

    Always as many rows, so that one compiled program serves all tests; the weights of those behind
    ``num_samples`` are zero.

    Args:
        num_samples: how many have a weight.
        spread: standard deviation of the log weights.
    """
    generator = np.random.default_rng(0)
    whitened = np.float32(generator.normal(size=(ROWS, DIM))).astype(float)
    log_weights = spread * generator.normal(size=num_samples)
    weights = np.zeros(ROWS)
    weights[:num_samples] = np.exp(log_weights - log_weights.max())
    curvatures = np.geomspace(1.0, 100.0, DIM)
    responses = -0.5 * (whitened - 0.5) ** 2 @ curvatures + 20.0 * np.sin(2 * whitened).sum(axis=1)
    return whitened, weights / weights.sum(), np.float32(responses + 7.0).astype(float)


@pytest.mark.usefixtures("float64")
@FORMS
def test_features_are_centred_and_in_one_order(diagonal: bool) -> None:
    whitened, weights, _ = make_samples(20)
    means = feature_sum(jnp.asarray(whitened.T), jnp.asarray(weights), diagonal)
    features = textbook_features(whitened, diagonal)
    np.testing.assert_allclose(ravel(means), weights @ features, atol=EXACT)
    centred = features - weights @ features
    assert centred.shape[1] == num_features(DIM, diagonal)
    np.testing.assert_allclose(feature_rows(jnp.asarray(whitened.T), means), centred.T, atol=EXACT)
    other_weights = np.linspace(-1.0, 2.0, ROWS)
    total = centred_feature_sum(jnp.asarray(whitened.T), jnp.asarray(other_weights), means)
    np.testing.assert_allclose(ravel(total), other_weights @ centred, atol=EXACT)
    vector = jnp.linspace(1.0, 2.0, centred.shape[1])
    coefficients = unravel(vector, means)
    np.testing.assert_array_equal(ravel(coefficients), vector)
    values = evaluate(coefficients, jnp.asarray(whitened.T), means)
    np.testing.assert_allclose(values, centred @ np.asarray(vector), atol=EXACT)


@pytest.mark.usefixtures("float64")
@SOLVERS
@FORMS
@pytest.mark.parametrize("ridge", [1e-12, 1e-2, 1.0])
def test_the_solution_is_the_textbooks(ridge: float, preconditioned: bool, diagonal: bool) -> None:
    whitened, weights, responses = make_samples(400)
    found = fit(whitened, weights, responses, jnp.asarray(ridge), preconditioned, diagonal)
    features = textbook_features(whitened, diagonal)
    expected = textbook(features, weights, responses, ridge)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@FORMS
@pytest.mark.parametrize(
    ("num_samples", "preconditioned", "tolerance"),
    [
        (40, True, 1e-4),
        (40, False, 1e-4),
        (95, True, 1e-5),
        (95, False, 0.1),  # the worst conditioned: conjugate gradients use up their steps
        (800, True, 1e-6),
        (800, False, 1e-6),
    ],
)
def test_single_precision_suffices_with_few_samples_and_with_many(
    num_samples: int, preconditioned: bool, tolerance: float, diagonal: bool
) -> None:
    # With fewer samples than features a fit interpolates them, and the smallest of all solutions
    # that do is wanted.
    whitened, weights, responses = make_samples(num_samples)
    found = fit(
        *(jnp.asarray(part, jnp.float32) for part in (whitened, weights, responses)),
        jnp.asarray(1e-12, jnp.float32),
        preconditioned,
        diagonal,
    )
    features = textbook_features(whitened, diagonal)
    expected = textbook(features, weights, responses, 1e-12)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error < tolerance


@SOLVERS
@pytest.mark.parametrize("spread", [3.0, 10.0, 30.0])
def test_weights_of_all_magnitudes_give_a_finite_fit_of_the_heavy_samples(
    spread: float, preconditioned: bool
) -> None:
    whitened, weights, responses = make_samples(400, spread)
    samples = (jnp.asarray(part, jnp.float32) for part in (whitened, weights, responses))
    found = np.asarray(fit(*samples, jnp.asarray(1e-12, jnp.float32), preconditioned, False))
    assert np.all(np.isfinite(found))
    features = textbook_features(whitened, diagonal=False)
    # That of a ridge which single precision can represent next to 1: neither lost nor wild.
    smooth = textbook(features, weights, responses, 1e-6)
    assert np.linalg.norm(found) < 5.0 * np.linalg.norm(smooth)

    def mean_squared_error(coefficients: np.ndarray) -> float:
        errors = responses - features @ coefficients
        return float(weights @ (errors - weights @ errors) ** 2)

    variance = mean_squared_error(np.zeros_like(found))
    assert mean_squared_error(found) < mean_squared_error(smooth) + 1e-4 * variance


@SOLVERS
def test_one_sample_says_nothing(preconditioned: bool) -> None:
    whitened, weights, responses = make_samples(1)
    samples = (jnp.asarray(part, jnp.float32) for part in (whitened, weights, responses))
    found = fit(*samples, jnp.asarray(1e-12, jnp.float32), preconditioned, False)
    np.testing.assert_allclose(found, 0.0, atol=1e-3)


def test_the_vector_of_a_quadratic_has_the_inner_product_of_its_coefficients() -> None:
    square = np.tril(np.random.default_rng(0).normal(size=(3, 3)))
    values = Quadratic(jnp.asarray(square), jnp.arange(3.0))
    squared = sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(values))
    np.testing.assert_allclose(squared, np.sum(np.square(ravel(values))), rtol=1e-5)
