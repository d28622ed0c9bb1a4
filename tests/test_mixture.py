"""Tests of the padded mixture against the dense textbook formulas, in float64."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.gmm import GMM
from gmmvi_jax.mixture.densities import (
    gradient_from_terms,
    gradient_terms_and_background,
    log_density,
    precisions,
)
from gmmvi_jax.mixture.drawing import Draws, draw, stratified_counts
from gmmvi_jax.mixture.padded import PaddedMixture, from_gmm, to_gmm
from gmmvi_jax.typing import Array

from .oracles import Mixture, pad, random_mixture, unpad

D, BLOCK, CAPACITY = 3, 3, 9
EXACT = 1e-10
STANDARD_ERRORS = 5.0  # a two-sided chance of 6e-7 per number compared
POINTS = 3.0 * np.random.default_rng(1).normal(size=(16, D))

value = jax.jit(lambda mixture, points: log_density(mixture, mixture.log_weights, points))
value_with = jax.jit(log_density)
from_gmm_jit = jax.jit(from_gmm, static_argnums=1)
stratified = jax.jit(jax.vmap(stratified_counts, (0, None, None)), static_argnums=2)


@jax.jit
def value_and_gradient(mixture: PaddedMixture, points: Array) -> tuple[Array, Array]:
    buffer = jnp.full((mixture.capacity, len(points)), jnp.nan)
    gradient, _, background = gradient_terms_and_background(
        mixture, points, buffer, mixture.log_weights
    )
    return background, gradient


@jax.jit
def gradient_from_known(mixture: PaddedMixture, points: Array, log_densities: Array) -> Array:
    return gradient_from_terms(
        mixture,
        precisions(mixture),
        points,
        lambda start: jax.lax.dynamic_slice_in_dim(log_densities, start, mixture.block_size),
    )


@functools.partial(jax.jit, static_argnames=("chunk_size", "segment_size"))
def draw_into(
    key: Array,
    mixture: PaddedMixture,
    counts: Array,
    buffer: Array,
    chunk_size: int,
    segment_size: int,
) -> Draws:
    buffers = Draws(buffer, jnp.full(buffer.shape[0], -1, jnp.int32))
    return draw(key, mixture.gaussians, counts, buffers, chunk_size, segment_size)


def make(num_components: int, diagonal: bool, **options: int) -> tuple[PaddedMixture, Mixture]:
    mixture = random_mixture(np.random.default_rng(num_components), num_components, D, diagonal)
    settings = {"capacity": CAPACITY, "block_size": BLOCK} | options
    return pad(mixture, diagonal=diagonal, **settings), mixture


# --- density ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("num_components", [1, 2, 3, 4, 6, 8, 9])
def test_density_and_gradient_are_the_dense_formula_however_full_the_last_block(
    num_components: int, diagonal: bool
) -> None:
    padded, mixture = make(num_components, diagonal)
    density, gradient = value_and_gradient(padded, POINTS)
    np.testing.assert_allclose(value(padded, POINTS), mixture.log_density(POINTS), rtol=EXACT)
    np.testing.assert_allclose(density, mixture.log_density(POINTS), rtol=EXACT)
    np.testing.assert_allclose(gradient, mixture.gradient(POINTS), rtol=1e-9, atol=1e-12)
    # And from densities that are known, behind which there may be anything.
    known = np.full((CAPACITY, len(POINTS)), np.nan)
    known[:num_components] = mixture.component_log_densities(POINTS).T
    gradient = gradient_from_known(padded, POINTS, jnp.asarray(known))
    np.testing.assert_allclose(gradient, mixture.gradient(POINTS), rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_the_gradient_is_that_of_the_public_mixture_by_autodiff(diagonal: bool) -> None:
    padded, _ = make(4, diagonal)
    public = to_gmm(padded)
    _, gradient = value_and_gradient(padded, POINTS)
    by_autodiff = jax.jit(jax.vmap(jax.grad(GMM.log_prob, argnums=1), in_axes=(None, 0)))
    np.testing.assert_allclose(gradient, by_autodiff(public, POINTS), rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_other_weights_mix_the_same_gaussians_and_minus_infinity_is_no_weight() -> None:
    padded, mixture = make(5, diagonal=False)
    weights = np.array([0.2, 0.0, 0.5, 0.0, 0.3])
    log_weights = np.full(CAPACITY, 3.0)
    log_weights[:5] = np.where(weights > 0.0, np.log(np.maximum(weights, 1e-300)), -np.inf)
    expected = mixture._replace(weights=weights).log_density(POINTS)
    found = value_with(padded, jnp.asarray(log_weights), POINTS)
    np.testing.assert_allclose(found, expected, rtol=EXACT)
    nothing = value_with(padded, jnp.full(CAPACITY, -jnp.inf), POINTS)
    np.testing.assert_array_equal(nothing, np.full(len(POINTS), -np.inf))


def test_what_is_left_in_slots_behind_the_active_ones_changes_no_bit(diagonal: bool) -> None:
    results = []
    for seed in (0, 1):
        padded, _ = make(4, diagonal, leftover_seed=seed)
        log_weights = np.array(padded.log_weights)
        log_weights[4:] = (-np.inf, 5.0)[seed]  # no weight, a large weight
        padded = dataclasses.replace(padded, log_weights=jnp.asarray(log_weights))
        points = jnp.asarray(POINTS, float)
        results.append((value(padded, points), *value_and_gradient(padded, points)))
    chex.assert_trees_all_equal(*results)


@pytest.mark.usefixtures("float64")
def test_capacity_and_block_size_do_not_change_the_density(diagonal: bool) -> None:
    reference = value_and_gradient(make(4, diagonal)[0], POINTS)
    other = value_and_gradient(make(4, diagonal, capacity=20, block_size=5)[0], POINTS)
    chex.assert_trees_all_close(reference, other, rtol=EXACT, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_weights_of_any_size_do_not_overflow() -> None:
    padded, mixture = make(4, diagonal=False)
    log_weights = np.array([-2000.0, -1000.0, -1001.0, -5000.0])
    buffer = jnp.zeros(CAPACITY).at[:4].set(log_weights)
    found = value_with(padded, buffer, POINTS)
    terms = mixture.component_log_densities(POINTS) + log_weights
    expected = np.asarray(scipy.special.logsumexp(terms, axis=1))
    np.testing.assert_allclose(found, expected, rtol=EXACT)


@pytest.mark.parametrize(("spread", "tolerance"), [(3.0, 1e-5), (1e3, 3e-3)], ids=["near", "far"])
def test_float32_is_accurate_a_thousand_standard_deviations_from_the_origin(
    diagonal: bool, spread: float, tolerance: float
) -> None:
    # Components around one far point cost nothing; components that are also 1e3 from
    # one another share a centre and lose digits in proportion to their distance.
    generator = np.random.default_rng(4)
    mixture = random_mixture(generator, 7, D, diagonal, spread=spread)
    mixture = mixture._replace(means=mixture.means + 1e3 * np.array([1.0, -1.0, 1.0]))
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    stored = unpad(padded)  # what float32 rounded the parameters to, in float64
    points = np.repeat(stored.means, 4, axis=0) + generator.normal(size=(28, D))
    points = points.astype(np.float32)
    density, gradient = value_and_gradient(padded, jnp.asarray(points))
    exact = points.astype(np.float64)
    assert density.dtype == gradient.dtype == jnp.float32
    np.testing.assert_allclose(density, stored.log_density(exact), atol=tolerance)
    np.testing.assert_allclose(gradient, stored.gradient(exact), atol=tolerance)
    known = jnp.zeros((CAPACITY, len(exact))).at[:7].set(stored.component_log_densities(exact).T)
    gradient = gradient_from_known(padded, jnp.asarray(points), known)
    np.testing.assert_allclose(gradient, stored.gradient(exact), atol=tolerance)


# --- sampling --------------------------------------------------------------------------------

COUNTS = np.array([3000, 0, 1, 1999, 0])
CHUNK = 500
KEY = jax.random.key(3)


def draw_samples(mixture: PaddedMixture, num_rows: int, segment_size: int) -> np.ndarray:
    counts = np.zeros(mixture.capacity, np.int32)
    counts[: len(COUNTS)] = COUNTS
    buffer = np.full((num_rows, D), 77.0, np.float32)
    draws = draw_into(KEY, mixture, counts, buffer, CHUNK, segment_size)
    origins = np.repeat(np.arange(len(COUNTS)), COUNTS)
    np.testing.assert_array_equal(np.asarray(draws.origins)[: COUNTS.sum()], origins)
    return np.asarray(draws.points)[: COUNTS.sum()]


def test_each_component_draws_its_count_in_order_with_its_moments(diagonal: bool) -> None:
    padded, mixture = make(5, diagonal)
    samples = draw_samples(padded, 6000, segment_size=300)
    origins = np.repeat(np.arange(5), COUNTS)
    inverse = np.linalg.inv(mixture.factors)[origins]
    # Under its own component every sample is standard normal, also across the segments' borders.
    whitened = np.einsum("nij,nj->ni", inverse, samples - mixture.means[origins])
    for rows in (whitened[origins == 0], whitened[origins == 3]):
        error = STANDARD_ERRORS / np.sqrt(len(rows))
        np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=error)
        covariance = rows.T @ rows / len(rows)
        np.testing.assert_allclose(covariance, np.eye(D), atol=np.sqrt(2.0) * error)
    assert np.abs(whitened).max() < 6.0
    assert len(np.unique(samples, axis=0)) == len(samples)


def test_what_is_drawn_does_not_depend_on_the_capacities(diagonal: bool) -> None:
    small = draw_samples(make(5, diagonal)[0], 6000, segment_size=300)
    wide = make(5, diagonal, capacity=20, block_size=5, leftover_seed=1)[0]
    np.testing.assert_array_equal(small, draw_samples(wide, 8000, segment_size=300))


def test_the_length_of_a_segment_changes_the_rounding_alone() -> None:
    padded, _ = make(5, diagonal=False)
    reference = draw_samples(padded, 6000, segment_size=300)
    samples = draw_samples(padded, 6000, segment_size=7)
    np.testing.assert_allclose(samples, reference, rtol=1e-5, atol=1e-5)


# --- to and from the public mixture ----------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("max_components", [3, 40])
def test_a_public_mixture_survives_the_round_trip(diagonal: bool, max_components: int) -> None:
    mixture = random_mixture(np.random.default_rng(8), 3, D, diagonal)
    covariances = mixture.covariances
    if diagonal:
        covariances = np.diagonal(covariances, axis1=1, axis2=2)
    gmm = GMM.from_moments(mixture.weights, mixture.means, covariances)
    padded = from_gmm_jit(gmm, max_components)
    back = to_gmm(padded)
    np.testing.assert_array_equal(back.log_weights, gmm.log_weights)
    np.testing.assert_array_equal(back.means, gmm.means)
    np.testing.assert_array_equal(back.factors, gmm.factors)
    assert padded.num_components == 3
    assert padded.capacity >= max_components == padded.max_components
    assert padded.capacity % padded.block_size == 0
    assert np.all(np.isneginf(np.asarray(padded.log_weights)[3:]))
    np.testing.assert_array_equal(padded.active, np.arange(padded.capacity) < 3)
    factors, inverse = padded.gaussians.factor, padded.gaussians.inverse_factor
    product = factors * inverse if diagonal else factors @ inverse
    unit = np.ones(D) if diagonal else np.eye(D)
    np.testing.assert_allclose(product, np.broadcast_to(unit, product.shape), atol=EXACT)
    np.testing.assert_allclose(value(padded, POINTS), mixture.log_density(POINTS), rtol=EXACT)


def test_the_upper_triangle_of_a_public_mixtures_factors_is_not_read() -> None:
    clean, dirty = (
        GMM(jnp.zeros(1), jnp.zeros((1, 2)), jnp.array([[[2.0, upper], [0.5, 1.0]]]))
        for upper in (0.0, 9.0)
    )
    chex.assert_trees_all_equal(from_gmm_jit(clean, 1), from_gmm_jit(dirty, 1))


# --- stratified counts -------------------------------------------------------------------------


def test_stratified_counts_are_the_shares_rounded_at_random() -> None:
    padded, mixture = make(4, diagonal=False)
    num_samples, num_keys = 37, 4000
    keys = jax.random.split(jax.random.key(0), num_keys)
    counts = np.asarray(stratified(keys, padded, num_samples))  # [R, K]
    shares = num_samples * np.append(mixture.weights, np.zeros(CAPACITY - 4))
    assert np.all(counts.sum(axis=1) == num_samples)
    assert np.all(np.abs(counts - shares) < 1.0)
    errors = np.sqrt(0.25 / num_keys)  # at most, of a number that is one of two neighbours
    np.testing.assert_allclose(counts.mean(axis=0), shares, atol=STANDARD_ERRORS * errors)
