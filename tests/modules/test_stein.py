"""Tests of Stein's estimates against plain numpy on the same samples, and closed forms."""

import dataclasses
import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.modules.natural_gradients.stein import Stein, add_chunk, finish
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.numerics.forms.choice import form_named
from gmmvi_jax.numerics.forms.record import Gaussian, Moments, centre_points
from gmmvi_jax.numerics.gaussian import log_density_from_whitened, whiten
from gmmvi_jax.numerics.weighted_sum import WeightedSum, empty_sum
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.window import empty_window
from gmmvi_jax.samples.window_size import MixtureShape
from gmmvi_jax.typing import Array

from ..oracles import Mixture, make_database, make_record, pad, random_mixture, rows, with_window

D, BLOCK, CAPACITY = 3, 2, 6
CHUNK, ROWS = 512, 16384 + 512
EXACT = 1e-10
STANDARD_ERRORS = 5.0

PRECISION = np.array([[2.0, 0.7, 0.0], [0.7, 1.0, -0.3], [0.0, -0.3, 0.5]])
OPTIMUM = np.array([1.0, -2.0, 0.5])


@jax.jit
def estimate(
    stein: Stein,
    mixture: Any,
    database: SampleDatabase,
    temperature: Array,
) -> NaturalGradient:
    # Buffers of an earlier step are overwritten: one that failed must not matter.
    buffers = NaturalGradient(
        gradient=jnp.full((CAPACITY, D), jnp.nan),
        hessian=jnp.full(mixture.gaussians.factor.shape, jnp.nan),
    )
    return stein(mixture, make_record(CAPACITY), (), database, temperature, buffers)[0]


def quadratic_gradient(points: np.ndarray) -> np.ndarray:
    return -(points - OPTIMUM) @ PRECISION


def draw(mixture: Mixture, num_per_component: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(len(mixture.means), num_per_component, D))
    samples = mixture.means[:, None] + np.einsum("kij,knj->kni", mixture.factors, noise)
    return samples.reshape(-1, D)


def balance(mixture: Mixture, points: np.ndarray) -> np.ndarray:
    terms = mixture.component_log_densities(points)
    return scipy.special.logsumexp(terms, axis=1) - np.log(terms.shape[1])


def make_case(num_components: int, diagonal: bool, num_per_component: int = 60) -> tuple:
    mixture = random_mixture(np.random.default_rng(5), num_components, D, diagonal)
    points = draw(mixture, num_per_component)
    return mixture, points, quadratic_gradient(points), balance(mixture, points)


def sample_terms(
    mixture: Mixture, points: np.ndarray, gradient: np.ndarray, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns [N, K, D] whitened gradients and [N, K, D, D] Hessians of single samples.

    The record's coordinates: L^T grad r and -L^T Lambda (x - mu) grad r^T L, symmetrised.
    """
    reward_gradient = gradient - temperature * mixture.gradient(points)
    centred = points[:, None, :] - mixture.means
    direction = np.einsum("kij,nkj->nki", mixture.precisions, centred)
    raw = -np.einsum("nki,nj->nkij", direction, reward_gradient)
    hessians = 0.5 * (raw + raw.transpose(0, 1, 3, 2))
    factors = mixture.factors
    return (
        np.einsum("kji,nj->nki", factors, reward_gradient),
        np.einsum("kai,nkab,kbj->nkij", factors, hessians, factors),
    )


def textbook(
    mixture: Mixture,
    points: np.ndarray,
    gradient: np.ndarray,
    log_background: np.ndarray,
    temperature: float,
    self_normalized: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns [K, D] and [K, D, D] the sums of w times the terms of single samples."""
    ratios = np.exp(mixture.component_log_densities(points) - log_background[:, None])
    num_usable = np.isfinite(log_background).sum()
    weights = ratios / (ratios.sum(axis=0) if self_normalized else num_usable)
    gradients, hessians = sample_terms(mixture, points, gradient, temperature)
    return (
        np.einsum("nk,nki->ki", weights, gradients),
        np.einsum("nk,nkij->kij", weights, hessians),
    )


def stored_hessian(hessian: np.ndarray, diagonal: bool) -> np.ndarray:
    return np.diagonal(hessian, axis1=1, axis2=2) if diagonal else hessian


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("self_normalized", [True, False], ids=["self-normalised", "plain"])
@pytest.mark.parametrize(
    ("num_components", "temperature"), [(1, 1.0), (3, 1.0), (4, 0.3), (5, 2.5)]
)
def test_estimates_are_the_textbook_sums_over_the_same_samples(
    num_components: int, temperature: float, self_normalized: bool, diagonal: bool
) -> None:
    mixture, points, gradient, log_background = make_case(num_components, diagonal)
    database = make_database(points, log_background, ROWS, CHUNK, target_gradient=gradient)
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    found = estimate(Stein(self_normalized), padded, database, jnp.asarray(temperature))
    expected = textbook(mixture, points, gradient, log_background, temperature, self_normalized)
    np.testing.assert_allclose(
        np.asarray(found.gradient)[:num_components], expected[0], rtol=EXACT, atol=EXACT
    )
    np.testing.assert_allclose(
        np.asarray(found.hessian)[:num_components],
        stored_hessian(expected[1], diagonal),
        rtol=EXACT,
        atol=EXACT,
    )


@pytest.mark.usefixtures("float64")
def test_known_densities_give_the_same_estimates(diagonal: bool) -> None:
    mixture, points, gradient, log_background = make_case(3, diagonal)
    database = make_database(points, log_background, ROWS, CHUNK, target_gradient=gradient)
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    num_earlier, dtype = 5, jnp.dtype(float)
    window = empty_window(20, ROWS, BLOCK, MixtureShape(20, D, form_named(diagonal), 8), dtype)
    densities = np.full(window.log_densities.shape, np.nan)  # of no other Gaussian any is read
    densities[:, len(points) : -(-len(points) // CHUNK) * CHUNK] = 3.0  # of any points
    densities[num_earlier : num_earlier + 3, : len(points)] = mixture.component_log_densities(
        points
    ).T
    window = dataclasses.replace(
        window, log_densities=jnp.asarray(densities), num_gaussians=jnp.asarray(num_earlier + 3)
    )
    found = estimate(Stein(), padded, with_window(database, window), jnp.asarray(0.7))
    expected = textbook(mixture, points, gradient, log_background, 0.7, True)
    np.testing.assert_allclose(np.asarray(found.gradient)[:3], expected[0], rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(
        np.asarray(found.hessian)[:3], stored_hessian(expected[1], diagonal), rtol=1e-9, atol=EXACT
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("self_normalized", [True, False], ids=["self-normalised", "plain"])
def test_samples_without_weight_leave_the_sums_and_the_number_of_samples(
    self_normalized: bool, diagonal: bool
) -> None:
    mixture, points, gradient, log_background = make_case(3, diagonal)
    usable = np.random.default_rng(2).random(len(points)) < 0.7
    database = make_database(
        points,
        np.where(usable, log_background, np.inf),
        ROWS,
        CHUNK,
        target_gradient=np.where(usable[:, None], gradient, 0.0),
    )
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    found = estimate(Stein(self_normalized), padded, database, jnp.asarray(1.0))
    kept = points[usable], gradient[usable], log_background[usable]
    expected = textbook(mixture, *kept, 1.0, self_normalized)
    np.testing.assert_allclose(np.asarray(found.gradient)[:3], expected[0], rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(
        np.asarray(found.hessian)[:3], stored_hessian(expected[1], diagonal), rtol=EXACT, atol=EXACT
    )


def assert_within_standard_errors(
    found: np.ndarray, exact: np.ndarray, terms: np.ndarray, weights: np.ndarray
) -> None:
    """Asserts |found - exact| against the delta-method error of a self-normalised mean."""
    residuals = weights.reshape(-1, *[1] * exact.ndim) * (terms - exact)
    error = np.sqrt(np.sum(residuals**2, axis=0))
    assert error.max() < 0.2  # else the test would say nothing
    np.testing.assert_array_less(np.abs(found - exact), STANDARD_ERRORS * error)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("num_components", "temperature"), [(1, 1.0), (1, 0.4), (3, 0.0)], ids=["one", "cold", "three"]
)
def test_on_a_quadratic_target_the_estimates_are_the_closed_form_within_their_error(
    num_components: int, temperature: float, diagonal: bool
) -> None:
    # E_qo[grad log p~] = -A (mu_o - m) and -E_qo[hess log p~] = A for every component; the
    # entropy's part has a closed form for a single Gaussian only: grad 0 on average, beta I.
    mixture, points, gradient, log_background = make_case(num_components, diagonal, 5000)
    database = make_database(points, log_background, ROWS, CHUNK, target_gradient=gradient)
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    found = estimate(Stein(), padded, database, jnp.asarray(temperature))
    terms = sample_terms(mixture, points, gradient, temperature)
    ratios = np.exp(mixture.component_log_densities(points) - log_background[:, None])
    for component in range(num_components):
        factor = mixture.factors[component]
        exact_gradient = -factor.T @ PRECISION @ (mixture.means[component] - OPTIMUM)
        exact_hessian = factor.T @ PRECISION @ factor - temperature * np.eye(D)
        hessians = terms[1][:, component]
        if diagonal:
            exact_hessian = np.diag(exact_hessian)
            hessians = np.diagonal(hessians, axis1=1, axis2=2)
        weights = ratios[:, component] / ratios[:, component].sum()
        found_one = [np.asarray(leaf)[component] for leaf in found]
        assert_within_standard_errors(found_one[0], exact_gradient, terms[0][:, component], weights)
        assert_within_standard_errors(found_one[1], exact_hessian, hessians, weights)


@functools.partial(jax.jit, static_argnames="self_normalized")
def estimate_alone(
    gaussian: Gaussian, chunks: tuple, num_samples: Array, self_normalized: bool
) -> NaturalGradient:
    """Estimates the gradient of ONE component from chunks of samples, without any mixture."""
    mean, factor = gaussian.mean, gaussian.factor
    empty = empty_sum(Moments(jnp.zeros_like(mean), jnp.zeros_like(factor), ()), mean.dtype)

    def add(accumulated: WeightedSum, chunk: tuple) -> tuple[WeightedSum, None]:
        points, reward_gradients, log_background = chunk
        log_densities = log_density_from_whitened(
            gaussian, whiten(gaussian, centre_points(points, mean))
        )
        log_weights = log_densities - log_background
        return add_chunk(gaussian, accumulated, points.T, reward_gradients, log_weights), None

    accumulated, _ = jax.lax.scan(add, empty, chunks)
    return finish(gaussian, accumulated, num_samples, self_normalized)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("self_normalized", [True, False], ids=["self-normalised", "plain"])
def test_one_component_alone_gives_what_the_blocked_pass_gives(
    self_normalized: bool, diagonal: bool
) -> None:
    mixture, points, gradient, log_background = make_case(4, diagonal)
    database = make_database(points, log_background, ROWS, CHUNK, target_gradient=gradient)
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    blocked = estimate(Stein(self_normalized), padded, database, jnp.asarray(1.0))
    reward_gradient = gradient - mixture.gradient(points)
    chunks = tuple(
        array.reshape(6, -1, *array.shape[1:])
        for array in (points, reward_gradient, log_background)
    )
    for component in range(4):
        gaussian = rows(padded.gaussians, component)
        alone = estimate_alone(gaussian, chunks, jnp.asarray(len(points)), self_normalized)
        chex.assert_trees_all_close(alone, rows(blocked, component), rtol=EXACT, atol=EXACT)


@pytest.mark.usefixtures("float64")
def test_the_record_does_not_change_under_stretching_shearing_and_shifting(diagonal: bool) -> None:
    # A lower triangular map takes Cholesky factors to Cholesky factors: A L.
    mixture, points, gradient, log_background = make_case(3, diagonal)
    matrix = np.array([[0.01, 0.0, 0.0], [0.5, 3.0, 0.0], [-2.0, 1.0, 100.0]])
    matrix = matrix * np.eye(D) if diagonal else matrix
    shift = np.array([5.0, -3.0, 1.0])
    mapped = Mixture(
        mixture.weights, mixture.means @ matrix.T + shift, matrix @ mixture.covariances @ matrix.T
    )
    log_volume = np.log(np.linalg.det(matrix))
    results = []
    for case, x, slope, background in (
        (mixture, points, gradient, log_background),
        (
            mapped,
            points @ matrix.T + shift,
            gradient @ np.linalg.inv(matrix),
            log_background - log_volume,
        ),
    ):
        database = make_database(x, background, ROWS, CHUNK, target_gradient=slope)
        padded = pad(case, CAPACITY, BLOCK, diagonal)
        estimates = estimate(Stein(), padded, database, jnp.asarray(1.0))
        results.append(rows(estimates, slice(3)))
    chex.assert_trees_all_close(*results, rtol=1e-8, atol=1e-8)


def test_without_usable_samples_there_is_no_estimate() -> None:
    mixture, points, _, _ = make_case(3, diagonal=False)
    database = make_database(points, np.full(len(points), np.inf), ROWS, CHUNK)
    found = estimate(Stein(), pad(mixture, CAPACITY, BLOCK), database, jnp.asarray(1.0))
    assert np.all(np.isnan(np.asarray(found.gradient)[:3]))


def test_a_fully_packed_float32_estimate_is_the_float64_one_to_rounding(diagonal: bool) -> None:
    mixture, points, gradient, log_background = make_case(6, diagonal)
    database = make_database(points, log_background, ROWS, CHUNK, target_gradient=gradient)
    found = estimate(Stein(), pad(mixture, CAPACITY, BLOCK, diagonal), database, jnp.asarray(1.0))
    expected = textbook(mixture, points, gradient, log_background, 1.0, True)
    assert found.gradient.dtype == found.hessian.dtype == jnp.float32
    np.testing.assert_allclose(found.gradient, expected[0], atol=1e-4)
    np.testing.assert_allclose(found.hessian, stored_hessian(expected[1], diagonal), atol=1e-4)
