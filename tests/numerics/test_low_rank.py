"""Tests of covariances of low rank plus diagonal against dense matrices, in float64."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gmmvi_jax.numerics.forms.choice import FULL, form_of
from gmmvi_jax.numerics.forms.low_rank import LowRank, low_rank_of
from gmmvi_jax.numerics.forms.low_rank_cut import cut
from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor, covariance_rows, row_variances
from gmmvi_jax.numerics.forms.low_rank_moments import LowRankHessian
from gmmvi_jax.numerics.forms.low_rank_step import structured
from gmmvi_jax.numerics.forms.record import Gaussian, centre_points
from gmmvi_jax.numerics.gaussian import (
    entropy,
    log_density_from_whitened,
    whiten_block,
    whitening_error,
)

from ..oracles import gaussian_divergence

D, R, M = 9, 3, 5
EXACT = 1e-9

pytestmark = pytest.mark.usefixtures("float64")


def make(
    seed: int = 0, dim: int = D, rank: int = R, width: int = M, least: float = -0.7
) -> Gaussian:
    """Returns a Gaussian with wide and with narrow directions."""
    generator = np.random.default_rng(seed)
    basis = np.linalg.qr(generator.normal(size=(dim, width)))[0]
    excess = np.linspace(least, 2.0, rank)
    scale = np.exp(0.4 * generator.normal(size=dim))
    factor = LowRankFactor(*(jnp.asarray(array) for array in (scale, basis, excess)))
    return Gaussian(jnp.asarray(generator.normal(size=dim)), factor, ())


def dense_factor(gaussian: Gaussian) -> np.ndarray:
    """Returns [D, D] L."""
    scale, basis, excess = (np.asarray(array) for array in gaussian.factor)
    columns = basis[:, : len(excess)]
    return np.diag(scale) @ (np.eye(len(scale)) + columns @ np.diag(excess) @ columns.T)


def covariance_of(gaussian: Gaussian) -> np.ndarray:
    root = dense_factor(gaussian)
    return root @ root.T


def random_hessian(generator: np.random.Generator, dim: int) -> np.ndarray:
    root = generator.normal(size=(dim, dim))
    return root @ root.T / dim - 0.3 * np.eye(dim)


def parts_of(hessian: np.ndarray, basis: np.ndarray) -> LowRankHessian:
    """Returns what an estimate knows of a Hessian [D, D]."""
    outside = np.eye(len(basis)) - basis @ basis.T
    shares = np.diag(outside)
    kept = np.diag(outside @ hessian @ outside)
    diagonal = np.where(shares > 1e-3, kept / np.where(shares > 1e-3, shares, 1.0), 0.0)
    return LowRankHessian(jnp.asarray(hessian @ basis), jnp.asarray(diagonal))


def projected(hessian: np.ndarray, basis: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Returns V V^T H + H V V^T - V V^T H V V^T + P diag(delta) P."""
    inside = basis @ basis.T
    outside = np.eye(len(basis)) - inside
    rest = outside @ np.diag(diagonal) @ outside
    return inside @ hessian + hessian @ inside - inside @ hessian @ inside + rest


def test_log_densities_are_those_of_the_dense_covariance() -> None:
    gaussian = make()
    points = np.random.default_rng(1).normal(size=(20, D))
    block = jax.tree.map(lambda array: array[None], gaussian)
    whitened = whiten_block(block, centre_points(jnp.asarray(points), jnp.full(D, 0.5)))[0]
    expected = np.linalg.solve(dense_factor(gaussian), (points - np.asarray(gaussian.mean)).T)
    np.testing.assert_allclose(whitened, expected, atol=EXACT)
    covariance: Any = covariance_of(gaussian)
    normal: Any = multivariate_normal(np.asarray(gaussian.mean), covariance)
    found = log_density_from_whitened(gaussian, whitened)
    np.testing.assert_allclose(found, normal.logpdf(points), rtol=EXACT)
    np.testing.assert_allclose(entropy(gaussian), normal.entropy(), rtol=EXACT)


def test_noise_variances_and_products_are_those_of_the_dense_factor() -> None:
    gaussian, generator = make(), np.random.default_rng(2)
    form, root = form_of(gaussian), dense_factor(gaussian)
    assert form == LowRank(R, M - R)
    noise = generator.normal(size=(4, D))
    np.testing.assert_allclose(
        form.colour(gaussian.factor, jnp.asarray(noise)), noise @ root.T, atol=EXACT
    )
    covariance = covariance_of(gaussian)
    np.testing.assert_allclose(covariance_rows(gaussian.factor), covariance, atol=EXACT)
    np.testing.assert_allclose(row_variances(gaussian.factor), np.diag(covariance), rtol=EXACT)
    block = jax.tree.map(lambda *arrays: jnp.stack(arrays), gaussian, make(7))
    columns = generator.normal(size=(2, D, 4))
    pulled, by_precision = np.zeros((D, 4)), np.zeros((D, 4))
    for own, one in zip(columns, (gaussian, make(7)), strict=True):
        pulled += np.linalg.solve(dense_factor(one).T, own)
        by_precision += np.linalg.solve(covariance_of(one), own)
    np.testing.assert_allclose(form.pull_back(block, jnp.asarray(columns)), pulled, atol=EXACT)
    found = form.pull_back_by(form.precisions(block), jnp.asarray(columns))
    np.testing.assert_allclose(found, by_precision, atol=EXACT)


def test_the_whitening_error_is_bounded() -> None:
    gaussian = make()
    root = dense_factor(gaussian)
    reach = np.abs(gaussian.mean) + np.sqrt(np.diag(root @ root.T))
    exact = np.finfo(float).eps * np.max(np.abs(np.linalg.inv(root)) @ reach)
    assert exact <= float(whitening_error(gaussian)) <= 4.0 * exact


def test_the_projection_is_the_nearest_tangent_of_the_family() -> None:
    gaussian, generator = make(width=R), np.random.default_rng(3)
    basis, hessian = np.asarray(gaussian.factor.basis), random_hessian(generator, D)
    # The tangent space at the identity: U Q^T + Q U^T, and P E P with a diagonal E.
    outside = np.eye(D) - basis @ basis.T
    tangents = [np.outer(unit, column) for unit in np.eye(D) for column in basis.T]
    tangents = [one + one.T for one in tangents]
    tangents += [np.outer(outside[i], outside[i]) for i in range(D)]
    columns = np.stack([one.ravel() for one in tangents], axis=1)
    nearest = columns @ np.linalg.lstsq(columns, hessian.ravel(), rcond=1e-10)[0]
    # Of delta the normal equations are (P o P) delta = diag(P H P).
    delta = np.linalg.solve(outside**2, np.diag(outside @ hessian @ outside))
    parts = LowRankHessian(jnp.asarray(hessian @ basis), jnp.asarray(delta))
    matrix = structured(jnp.asarray(basis), parts)
    dense = np.diag(matrix.diagonal) + matrix.span @ matrix.core @ matrix.span.T
    np.testing.assert_allclose(dense, nearest.reshape(D, D), atol=1e-8)
    np.testing.assert_allclose(dense, projected(hessian, basis, delta), atol=EXACT)


def assert_is_step(
    gaussian: Gaussian, new: Gaussian, hessian: np.ndarray, linear: np.ndarray
) -> None:
    """Asserts the mean and the variances of the step I + H, g, and a small loss by the cut."""
    root = dense_factor(gaussian)
    covariance = np.linalg.inv(np.eye(len(root)) + hessian)
    expected = np.asarray(gaussian.mean) + root @ covariance @ linear
    np.testing.assert_allclose(new.mean, expected, atol=EXACT)
    variances = np.diag(root @ covariance @ root.T)
    np.testing.assert_allclose(row_variances(new.factor), variances, rtol=0.1)


@pytest.mark.parametrize("bound", [0.01, 0.1, 1e6])
def test_a_trust_region_step_is_that_of_the_dense_projection(bound: float) -> None:
    dim = 30
    gaussian, generator = make(dim=dim, least=-0.3), np.random.default_rng(4)
    basis, gradient = np.asarray(gaussian.factor.basis), generator.normal(size=dim)
    hessian = random_hessian(generator, dim)
    parts = parts_of(hessian, basis)
    form = form_of(gaussian)
    new, divergence = jax.jit(form.trust_region_step)(
        gaussian, jnp.asarray(gradient), parts, jnp.asarray(bound), jnp.asarray(1.0)
    )
    matrix = projected(hessian, basis, np.asarray(parts.diagonal))
    # The multiplier from the KL of the dense step.
    multipliers = np.exp(np.linspace(0.0, 9.0, 40_001))
    values, vectors = np.linalg.eigh(matrix)
    places = vectors.T @ gradient

    def divergence_at(eta: np.ndarray) -> np.ndarray:
        precisions = 1.0 + values / eta[:, None]
        shifts = places / eta[:, None] / precisions
        safe = np.where(precisions > 0.0, precisions, np.nan)
        terms = 1.0 / safe - 1.0 + np.log(safe) + shifts**2
        return 0.5 * np.sum(terms, axis=1)

    allowed = np.nan_to_num(divergence_at(multipliers), nan=np.inf) <= bound
    eta = multipliers[np.argmax(allowed)]
    assert float(divergence) <= bound
    np.testing.assert_allclose(divergence, divergence_at(np.array([eta]))[0], rtol=3e-3)
    direct, own = jax.jit(form.direct_step)(
        gaussian, jnp.asarray(gradient), parts, jnp.asarray(1.0 / eta)
    )
    assert_is_step(gaussian, direct, matrix / eta, gradient / eta)
    np.testing.assert_allclose(own, divergence_at(np.array([eta]))[0], rtol=1e-8)
    np.testing.assert_allclose(new.mean, direct.mean, rtol=0.02, atol=0.02)
    # What is cut makes the step shorter rather than longer.
    cut_divergence = gaussian_divergence(
        np.asarray(direct.mean),
        covariance_of(direct),
        np.asarray(gaussian.mean),
        covariance_of(gaussian),
    )
    assert cut_divergence < 1.1 * float(own)


def test_with_all_directions_a_step_is_that_of_a_full_covariance() -> None:
    gaussian, generator = make(rank=D - 1, width=D), np.random.default_rng(5)
    basis, hessian = np.asarray(gaussian.factor.basis), random_hessian(generator, D)
    gradient, bound, lowest = jnp.asarray(generator.normal(size=D)), jnp.asarray(0.2), 1.0
    new, divergence = form_of(gaussian).trust_region_step(
        gaussian, gradient, parts_of(hessian, basis), bound, jnp.asarray(lowest)
    )
    # In the coordinates of a triangular factor, L = C U, whose Hessian is U H U^T.
    lower = np.linalg.cholesky(covariance_of(gaussian))
    turn = np.linalg.solve(lower, dense_factor(gaussian))
    full = Gaussian(gaussian.mean, jnp.asarray(lower), jnp.asarray(np.linalg.inv(lower)))
    expected, expected_divergence = FULL.trust_region_step(
        full,
        jnp.asarray(turn @ gradient),
        jnp.asarray(turn @ hessian @ turn.T),
        bound,
        jnp.asarray(lowest),
    )
    np.testing.assert_allclose(divergence, expected_divergence, rtol=2e-3)
    np.testing.assert_allclose(new.mean, expected.mean, rtol=5e-3, atol=5e-3)
    covariance = np.asarray(expected.factor @ expected.factor.T)
    difference = np.abs(covariance_of(new) - covariance)
    assert np.max(difference) < 5e-3 * np.max(np.abs(covariance))


def estimates(
    gaussian: Gaussian, noise: np.ndarray, hessian: np.ndarray, linear: np.ndarray
) -> tuple[np.ndarray, LowRankHessian]:
    """Returns gradient and Hessian of r = linear^T z - z^T H z / 2 from samples z [N, D]."""
    root, form = dense_factor(gaussian), form_of(gaussian)
    points = np.asarray(gaussian.mean) + noise @ root.T
    slopes = np.linalg.solve(root.T, (linear - noise @ hessian).T).T
    weights = np.random.default_rng(10).uniform(0.5, 1.0, size=len(noise))
    moments = form.moments(gaussian, *map(jnp.asarray, (weights, points.T, slopes)))
    found, parts = form.estimate(
        gaussian, moments, jnp.asarray(np.nan), jnp.asarray(np.sum(weights))
    )
    return np.asarray(found), parts


def test_estimates_of_a_quadratic_without_correlations_are_exact() -> None:
    gaussian, generator = make(), np.random.default_rng(6)
    linear, noise = generator.normal(size=D), generator.normal(size=(60, D))
    found, parts = estimates(gaussian, noise, 0.7 * np.eye(D), linear)
    np.testing.assert_allclose(found, linear, atol=EXACT)
    np.testing.assert_allclose(parts.image, 0.7 * gaussian.factor.basis, atol=EXACT)
    np.testing.assert_allclose(parts.diagonal, 0.7, atol=EXACT)


def test_estimates_of_a_quadratic_of_the_family_have_little_noise() -> None:
    dim, count = 200, 150
    gaussian, generator = make(dim=dim), np.random.default_rng(6)
    basis = np.asarray(gaussian.factor.basis)
    image = 2.0 * basis + 0.1 * generator.normal(size=basis.shape)
    hessian = basis @ image.T + image @ basis.T + np.diag(generator.uniform(0.5, 1.0, size=dim))
    linear, noise = generator.normal(size=dim), generator.normal(size=(count, dim))
    found, parts = estimates(gaussian, noise, hessian, linear)
    plain = (noise @ hessian).T @ (noise @ basis) / count
    plain_error = np.linalg.norm(plain - hessian @ basis)
    assert np.linalg.norm(np.asarray(parts.image) - hessian @ basis) < 0.15 * plain_error
    plain_gradient = linear - hessian @ np.mean(noise, axis=0)
    plain_error = np.linalg.norm(plain_gradient - linear)
    assert np.linalg.norm(found - linear) < 0.2 * plain_error


def test_estimates_are_near_the_hessian_of_any_function() -> None:
    gaussian, generator = make(), np.random.default_rng(7)
    root, basis = dense_factor(gaussian), np.asarray(gaussian.factor.basis)
    count = 200_000
    noise = generator.normal(size=(count, D))
    # r(z) = sum_i sin(a_i^T z): E[hess r] = -sum_i exp(-|a_i|^2 / 2) E[sin] a_i a_i^T is 0 at 0, so
    # shifted by a phase.
    rows, phases = 0.5 * generator.normal(size=(4, D)), generator.uniform(0.0, 3.0, size=4)
    angles = noise @ rows.T + phases
    slopes = np.linalg.solve(root.T, (np.cos(angles) @ rows).T).T
    decays = np.exp(-0.5 * np.sum(rows**2, axis=1))
    hessian = (rows.T * (decays * np.sin(phases))) @ rows
    gradient = (decays * np.cos(phases)) @ rows
    points = np.asarray(gaussian.mean) + noise @ root.T
    form = form_of(gaussian)
    moments = form.moments(gaussian, *map(jnp.asarray, (np.ones(count), points.T, slopes)))
    found, parts = form.estimate(gaussian, moments, jnp.asarray(1.0), jnp.asarray(float(count)))
    expected = parts_of(hessian, basis)
    np.testing.assert_allclose(found, gradient, atol=0.02)
    np.testing.assert_allclose(parts.image, expected.image, atol=0.02)
    np.testing.assert_allclose(parts.diagonal, expected.diagonal, atol=0.04)


def test_sums_of_squares_in_parts() -> None:
    gaussian, generator = make(), np.random.default_rng(8)
    form, basis = form_of(gaussian), np.asarray(gaussian.factor.basis)
    noise, weights = generator.normal(size=(D, 30)), generator.normal(size=30)
    expected = parts_of((weights * noise) @ noise.T, basis)
    found = form.curvature(gaussian, jnp.asarray(noise), jnp.asarray(weights))
    np.testing.assert_allclose(found.image, expected.image, atol=EXACT)
    np.testing.assert_allclose(found.diagonal, expected.diagonal, atol=EXACT)
    unit = form.unit_hessian(gaussian, jnp.asarray(2.0))
    np.testing.assert_allclose(unit.image, 2.0 * basis, atol=EXACT)
    np.testing.assert_allclose(unit.diagonal, 2.0, atol=EXACT)
    hessian = random_hessian(generator, D)
    norm = float(form.squared_norm(gaussian, parts_of(hessian, basis)))
    dense = projected(hessian, basis, np.asarray(parts_of(hessian, basis).diagonal))
    assert np.sum(dense**2) <= norm <= 4.0 * np.sum(dense**2)


@pytest.mark.parametrize("small", [0.0, 1e-3], ids=["nothing is cut", "little is cut"])
def test_a_cut_is_a_projection_to_first_order(small: float) -> None:
    generator = np.random.default_rng(9)
    frame = np.linalg.qr(generator.normal(size=(D, 6)))[0]
    scale = np.exp(0.3 * generator.normal(size=D))
    variances = np.array([9.0, 1.0 + small, 1.0 - 2 * small, 0.2, 4.0, 1.0 + 3 * small])
    root = jnp.diag(jnp.sqrt(variances))
    found = cut(jnp.asarray(scale), jnp.asarray(frame), root, R, M)
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(M), atol=EXACT)
    kept, others = frame[:, [0, 3, 4]], frame[:, [1, 2, 5]]
    outside = np.eye(D) - kept @ kept.T
    lost = np.sum((variances[[1, 2, 5]] - 1.0) * others**2, axis=1) / np.diag(outside)
    inner = outside @ np.diag(1.0 + lost) @ outside
    inner += (kept * variances[[0, 3, 4]]) @ kept.T
    expected = np.diag(scale) @ inner @ np.diag(scale)
    gaussian = Gaussian(jnp.zeros(D), found, ())
    np.testing.assert_allclose(covariance_of(gaussian), expected, atol=1e-12 + 30 * small**2)
    # The probes are the cut directions that matter most, the last of which is the largest.
    if small:
        probes = np.asarray(found.basis)[:, R:]
        assert np.linalg.norm(probes.T @ others[:, 2]) > 0.999


def test_a_cut_of_anything_is_positive_definite() -> None:
    generator = np.random.default_rng(11)
    frame = np.linalg.qr(generator.normal(size=(D, 8)))[0]
    variances = np.array([1e-6, 1e-3, 1e-2, 0.1, 0.1, 0.1, 30.0, 1e3])
    root = jnp.diag(jnp.sqrt(variances))
    found = cut(jnp.ones(D), jnp.asarray(frame), root, R, M)
    assert np.all(np.asarray(found.scale) > 0.0)
    assert np.all(np.asarray(found.excess) > -1.0)
    assert np.min(np.linalg.eigvalsh(covariance_rows(found))) > 1e-7


def test_what_is_no_gaussian_is_not_finite() -> None:
    gaussian = make()
    parts = parts_of(-5.0 * np.eye(D), np.asarray(gaussian.factor.basis))
    _, divergence = form_of(gaussian).direct_step(gaussian, jnp.zeros(D), parts, jnp.asarray(1.0))
    assert np.isnan(divergence)


def test_a_new_component_has_no_correlations() -> None:
    form = low_rank_of(R, D)
    factor, inverse = form.isotropic(D, jnp.asarray(2.0))
    gaussian = Gaussian(jnp.zeros(D), factor, inverse)
    np.testing.assert_allclose(covariance_of(gaussian), 4.0 * np.eye(D), atol=EXACT)
    np.testing.assert_allclose(factor.basis.T @ factor.basis, np.eye(R + 5), atol=EXACT)
