"""Tests of one Gaussian against the textbook formulas, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.forms.array_steps import change_precision
from gmmvi_jax.numerics.forms.record import Gaussian, centre_points
from gmmvi_jax.numerics.gaussian import entropy, log_density_from_whitened, whiten, whitening_error
from gmmvi_jax.numerics.roots import (
    apply_factor,
    apply_transposed_factor,
    divergence_from_standard,
    reverse_cholesky,
)
from gmmvi_jax.numerics.sound import is_sound

from ..double_precision import enable_x64
from ..oracles import gaussian_divergence

D = 4
EXACT = 1e-10

whiten_jit = jax.jit(
    lambda gaussian, points, centre: whiten(gaussian, centre_points(points, centre))
)
log_density = jax.jit(log_density_from_whitened)
change = jax.jit(change_precision)
entropy_jit = jax.jit(entropy)
divergence = jax.jit(divergence_from_standard)
whitening_error_jit = jax.jit(whitening_error)
is_sound_jit = jax.jit(is_sound)


def random_spd(generator: np.random.Generator, diagonal: bool) -> np.ndarray:
    root = generator.normal(size=(D, D))
    matrix = root @ root.T + 0.2 * np.eye(D)
    return matrix * np.eye(D) if diagonal else matrix


def make(mean: np.ndarray, factor: np.ndarray, diagonal: bool) -> Gaussian:
    inverse = np.tril(np.linalg.inv(factor))
    if diagonal:
        factor, inverse = np.diag(factor), np.diag(inverse)
    return Gaussian(*(jnp.asarray(array, float) for array in (mean, factor, inverse)))


def as_float32(values: np.ndarray) -> np.ndarray:
    """Returns the values rounded to float32, in float64."""
    return values.astype(np.float32).astype(np.float64)


def random_gaussian(diagonal: bool) -> tuple[Gaussian, np.ndarray, np.ndarray]:
    """Returns a Gaussian with its mean and covariance."""
    generator = np.random.default_rng(11)
    mean, covariance = generator.normal(size=D), random_spd(generator, diagonal)
    return make(mean, np.linalg.cholesky(covariance), diagonal), mean, covariance


@pytest.mark.usefixtures("float64")
def test_whitening_is_the_inverse_factor_times_the_offset_whatever_the_centre(
    diagonal: bool,
) -> None:
    gaussian, mean, covariance = random_gaussian(diagonal)
    points = np.random.default_rng(1).normal(size=(6, D))
    expected = np.linalg.solve(np.linalg.cholesky(covariance), (points - mean).T)  # [D, C]
    for centre in (np.zeros(D), mean, np.full(D, 5.0)):
        np.testing.assert_allclose(whiten_jit(gaussian, points, centre), expected, rtol=EXACT)


def test_whitening_keeps_float32_exact_far_from_the_origin(diagonal: bool) -> None:
    generator = np.random.default_rng(2)
    factor = np.linalg.cholesky(random_spd(generator, diagonal))
    mean = as_float32(1e4 * generator.normal(size=D))
    points = as_float32(mean + generator.normal(size=(50, D)) @ factor.T)
    centre = as_float32(mean + generator.normal(size=D))  # near, not at, the mean
    expected = np.linalg.solve(factor, (points - mean).T)
    found = whiten_jit(make(mean, factor, diagonal), points, centre)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.usefixtures("float64")
def test_log_density_and_entropy_are_the_textbook_ones(diagonal: bool) -> None:
    gaussian, mean, covariance = random_gaussian(diagonal)
    points = 3.0 * np.random.default_rng(1).normal(size=(6, D))
    centred = points - mean
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), centred.T)
    distances = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
    _, log_volume = np.linalg.slogdet(2.0 * np.pi * covariance)
    expected = -0.5 * (log_volume + distances)
    np.testing.assert_allclose(log_density(gaussian, whitened), expected, rtol=EXACT)
    _, log_determinant = np.linalg.slogdet(2.0 * np.pi * np.e * covariance)
    np.testing.assert_allclose(entropy_jit(gaussian), 0.5 * log_determinant, rtol=EXACT)


@pytest.mark.usefixtures("float64")
def test_the_factor_is_applied_as_the_matrix_it_stands_for(diagonal: bool) -> None:
    gaussian, _, covariance = random_gaussian(diagonal)
    matrix, vector = np.linalg.cholesky(covariance), jnp.arange(1.0, D + 1.0)
    np.testing.assert_allclose(apply_factor(gaussian.factor, vector), matrix @ vector, rtol=EXACT)
    np.testing.assert_allclose(
        apply_transposed_factor(gaussian.factor, vector), matrix.T @ vector, rtol=EXACT
    )


@pytest.mark.usefixtures("float64")
def test_the_reverse_cholesky_factor_is_upper_triangular_and_reproduces_the_matrix() -> None:
    matrix = random_spd(np.random.default_rng(5), diagonal=False)
    upper = np.asarray(reverse_cholesky(jnp.asarray(matrix)))
    np.testing.assert_array_equal(upper, np.triu(upper))
    assert np.all(np.diag(upper) > 0.0)
    np.testing.assert_allclose(upper @ upper.T, matrix, rtol=EXACT, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_a_changed_precision_gives_the_textbook_gaussian(diagonal: bool) -> None:
    gaussian, mean, covariance = random_gaussian(diagonal)
    generator = np.random.default_rng(3)
    precision, linear = random_spd(generator, diagonal), generator.normal(size=D)
    argument = np.diag(precision) if diagonal else precision
    found = change(gaussian, jnp.asarray(argument), jnp.asarray(linear))
    # In x = mean + L z: covariance L P^-1 L^T, mean mean + L P^-1 linear.
    factor = np.linalg.cholesky(covariance)
    new_covariance = factor @ np.linalg.inv(precision) @ factor.T
    np.testing.assert_allclose(
        found.mean, mean + factor @ np.linalg.solve(precision, linear), rtol=EXACT
    )
    expected = np.linalg.cholesky(new_covariance)  # unique: lower, positive diagonal
    if diagonal:
        np.testing.assert_allclose(found.factor, np.diag(expected), rtol=EXACT)
        np.testing.assert_allclose(found.factor * found.inverse_factor, np.ones(D), rtol=EXACT)
    else:
        np.testing.assert_allclose(found.factor, expected, rtol=EXACT, atol=1e-12)
        np.testing.assert_allclose(found.factor @ found.inverse_factor, np.eye(D), atol=EXACT)
        np.testing.assert_array_equal(np.triu(found.factor, 1), np.zeros((D, D)))


@pytest.mark.parametrize("eigenvalue", [0.0, -1e-3, -2.0, np.nan])
def test_a_precision_that_is_not_positive_definite_shows_as_not_finite(
    diagonal: bool, eigenvalue: float
) -> None:
    gaussian, _, _ = random_gaussian(diagonal)
    spectrum = np.array([1.0, 2.0, eigenvalue, 0.5])
    if diagonal:
        precision = spectrum
    else:
        basis = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
        precision = np.diag(spectrum) if eigenvalue == 0.0 else (basis * spectrum) @ basis.T
    found = change(gaussian, jnp.asarray(precision, float), jnp.ones(D))
    assert not all(np.all(np.isfinite(leaf)) for leaf in found)


def test_float32_keeps_the_step_on_a_gaussian_stretched_by_a_million(diagonal: bool) -> None:
    generator = np.random.default_rng(6)
    lower = np.eye(D) if diagonal else np.tril(0.3 * generator.normal(size=(D, D)), -1) + np.eye(D)
    factor = as_float32(np.diag([1e-3, 1.0, 1e3, 1e-2]) @ lower)
    precision = random_spd(generator, diagonal)
    argument = jnp.float32(np.diag(precision) if diagonal else precision)
    found = change(make(np.zeros(D), factor, diagonal), argument, jnp.zeros(D))
    new_factor = np.asarray(found.factor, np.float64)
    new_factor = np.diag(new_factor) if diagonal else new_factor
    step = np.linalg.solve(factor, new_factor)  # in whitened coordinates
    np.testing.assert_allclose(step @ step.T, np.linalg.inv(precision), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("size", [1.0, 0.1, 1e-2, 1e-3])
def test_the_divergence_from_the_standard_gaussian_is_the_textbook_one(
    diagonal: bool, size: float, bits: int
) -> None:
    generator = np.random.default_rng(7)
    for scale in (size, 3.0 * size, -size):  # both sides of where the series ends
        lower = np.tril(generator.normal(size=(D, D)), -1) * (not diagonal)
        factor = np.diag(np.exp(scale * generator.uniform(0.5, 1.0, size=D))) + size * lower
        factor = as_float32(factor)  # not its rounding is meant, but the formula
        shift = as_float32(size * generator.normal(size=D))
        expected = gaussian_divergence(shift, factor @ factor.T, np.zeros(D), np.eye(D))
        with enable_x64(bits == 64):
            argument = jnp.asarray(np.diag(factor) if diagonal else factor, float)
            found = divergence(argument, jnp.asarray(shift, float))
        tolerance = 1e-7 if bits == 64 else 1e-5
        np.testing.assert_allclose(found, expected, rtol=tolerance)


@pytest.mark.parametrize("width", [1.0, 1e-3, 1e-6])
def test_the_whitening_error_bounds_what_rounding_does_to_samples(
    diagonal: bool, width: float
) -> None:
    generator = np.random.default_rng(8)
    mean = as_float32(np.array([0.0, 1.0, -20.0, 300.0]))
    factor = width * np.linalg.cholesky(random_spd(generator, diagonal))
    bound = float(whitening_error_jit(make(mean, factor, diagonal)))
    points = mean + generator.normal(size=(1000, D)) @ factor.T
    moved = np.linalg.solve(factor, (as_float32(points) - points).T)
    # Rounding errs by half of eps at most, a sample's offset by some deviations more.
    assert np.abs(moved).max() < bound
    assert np.abs(moved).max() > 0.01 * bound  # not by much too high


def test_the_whitening_error_does_not_depend_on_the_coordinates_scales(diagonal: bool) -> None:
    scales = np.array([1e-6, 1.0, 1e6, 1e3])
    mean, factor = (
        np.arange(4.0),
        np.linalg.cholesky(random_spd(np.random.default_rng(9), diagonal)),
    )
    plain = whitening_error_jit(make(mean, factor, diagonal))
    scaled = whitening_error_jit(make(scales * mean, scales[:, None] * factor, diagonal))
    np.testing.assert_allclose(scaled, plain, rtol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", Gaussian._fields[:3])
def test_a_gaussian_with_an_entry_that_is_not_finite_is_not_sound(
    diagonal: bool, field: str, bad: float
) -> None:
    gaussian, _, _ = random_gaussian(diagonal)
    assert is_sound_jit(gaussian)
    leaf = getattr(gaussian, field)
    for index in np.argwhere(np.asarray(leaf) != 0.0):
        assert not is_sound_jit(gaussian._replace(**{field: leaf.at[tuple(index)].set(bad)}))
