"""A Gaussian, given by its mean, factor and inverse factor; or a Student-t, with degrees as well.

Written for ONE Gaussian; callers ``vmap`` over a block of them. The factor determines the
covariance type: [D, D] is a lower Cholesky factor L (covariance L L^T), [D] the standard
deviations of a diagonal covariance. Updates work in the coordinates z = L^-1 (x - mean), in
which the Gaussian is standard normal ("whitened"): they are affine invariant there, and well
conditioned even for a badly conditioned covariance.

A Student-t distribution is a Gaussian of random width: given a w that follows an inverse Gamma
distribution, x has the covariance w L L^T. It differs from the Gaussian with the same factor in its
density, in its score and in its noise, all of which are here. What moves a Gaussian moves a
Student-t: the natural gradient of the joint distribution of x and w in (mu, Sigma) is that of the
Gaussian, since E[1 / w] = 1, and its estimate by Stein's lemma too, since given w the w of the
covariance and that of the Hessian cancel. The KL of a step is that of the joint distributions,
which is no less than that of the Student-t themselves. Source: Lin, Khan, Schmidt, "Fast and simple
natural-gradient variational inference with mixture of exponential-family approximations", ICML
2019.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics import student_t
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.typing import Array, PRNGKey

_WIDTHS = 0x7FFFFFFF  # folded into the key of draws, beside the numbers of chunks


class Gaussian(NamedTuple):
    """A Gaussian or Student-t, or a stack of them with a leading axis on every field."""

    mean: Array  # [D]
    factor: Array  # [D, D] lower Cholesky factor of the covariance, or [D] standard deviations
    inverse_factor: Array  # [D, D] or [D]
    # [] degrees of freedom of a Student-t, of which mean and factor are location and scale.
    degrees: Array | None = None


def is_diagonal(gaussian: Gaussian) -> bool:
    """Returns whether the covariance (of one Gaussian, or of a stack) is diagonal."""
    return gaussian.factor.ndim == gaussian.mean.ndim


class CentredPoints(NamedTuple):
    """A chunk of points, prepared for whitening by many Gaussians."""

    columns: Array  # [D + 1, C] x - c, and a row of ones
    centre: Array  # [D] c


def centre_points(points: Array, centre: Array) -> CentredPoints:
    """Returns a chunk of points relative to a centre, as columns.

    The samples are the last axis, so that sums over the dimensions run over long contiguous rows,
    which a CPU vectorises.

    Args:
        points: [C, D].
        centre: [D] a point near the points and the means. Subtracting it from both before the
            product keeps float32 accurate far from the origin. With a common centre ``vmap`` turns
            the products of a block into a single one, which is 2 to 5 times faster on a CPU.
    """
    ones = jnp.ones((1, points.shape[0]), points.dtype)
    return CentredPoints(jnp.concatenate([(points - centre).T, ones]), centre)


def whiten(gaussian: Gaussian, points: CentredPoints) -> Array:
    """Returns [D, C] the points in the coordinates where the Gaussian is standard normal."""
    shift = gaussian.mean - points.centre
    if is_diagonal(gaussian):
        return (points.columns[:-1] - shift[:, None]) * gaussian.inverse_factor[:, None]
    # [L^-1, -L^-1 (mu - c)] times (x - c, 1): subtracting the offset afterwards would take another
    # pass over the whitened points.
    offset = product(gaussian.inverse_factor, shift)
    affine = jnp.concatenate([gaussian.inverse_factor, -offset[:, None]], axis=1)
    return product(affine, points.columns)


def factor_diagonal(factor: Array, diagonal: bool) -> Array:
    """Returns [..., D] the diagonal of one factor or a stack of them."""
    return factor if diagonal else jnp.diagonal(factor, axis1=-2, axis2=-1)


def log_density_from_whitened(gaussian: Gaussian, whitened: Array) -> Array:
    """Returns [C] log N(x | mean, L L^T) at points given by their whitened form [D, C]."""
    squared_norms = jnp.sum(whitened * whitened, axis=0)
    if gaussian.degrees is None:
        return log_density_at_mean(gaussian) - 0.5 * squared_norms
    log_kernel = student_t.log_kernel(squared_norms, gaussian.degrees, whitened.shape[0])
    return _log_determinant(gaussian) + log_kernel


def log_density_at_mean(gaussian: Gaussian) -> Array:
    """Returns [] log N(mean | mean, L L^T), the largest log density."""
    dim = gaussian.mean.shape[-1]
    if gaussian.degrees is None:
        return _log_determinant(gaussian) - 0.5 * dim * LOG_TWO_PI
    return _log_determinant(gaussian) + student_t.log_normaliser(gaussian.degrees, dim)


def _log_determinant(gaussian: Gaussian) -> Array:
    """Returns [] the log determinant of the inverse factor."""
    return jnp.sum(jnp.log(factor_diagonal(gaussian.inverse_factor, is_diagonal(gaussian))))


def weighted_by_score(block: Gaussian, log_densities: Array, values: Array) -> Array:
    """Returns [B, C] values times rho, where the score is -rho L^-T z: of a Gaussian 1.

    Of a Student-t rho is (nu + D) / (nu + |z|^2), which follows from the density.

    Args:
        block: of B components.
        log_densities: [B, C] of points; anything where the values are 0.
        values: [B, C].
    """
    if block.degrees is None:
        return values
    degrees, dim = block.degrees[:, None], block.mean.shape[-1]
    depth = jnp.maximum(jax.vmap(log_density_at_mean)(block)[:, None] - log_densities, 0.0)
    score = (1.0 + dim / degrees) * jnp.exp(-2.0 * depth / (degrees + dim))
    return jnp.where(values == 0.0, 0.0, values * score)


def noise_widths(key: PRNGKey, first: Array, gaussian: Gaussian, count: int) -> Array | float:
    """Returns [C, 1] by what normal noise of C samples of ONE component is to be multiplied.

    Args:
        key: of all samples.
        first: [] int32, number of the first of these samples, from which its own key is made.
        gaussian: the component.
        count: C.
    """
    if gaussian.degrees is None:
        return 1.0
    own = jax.random.fold_in(jax.random.fold_in(key, _WIDTHS), first)
    return student_t.noise_scale(own, jnp.broadcast_to(gaussian.degrees, count))[:, None]


def whiten_block(block: Gaussian, points: CentredPoints) -> Array:
    """Returns [B, D, C] the points in the whitened coordinates of each Gaussian of a block."""
    return jax.vmap(whiten, in_axes=(0, None))(block, points)


def block_log_densities(block: Gaussian, whitened: Array) -> Array:
    """Returns [B, C] log N(x | o) from the whitened points [B, D, C]."""
    return jax.vmap(log_density_from_whitened)(block, whitened)


def entropy(gaussian: Gaussian) -> Array:
    """Returns the differential entropy of the Gaussian with this factor, in nats."""
    dim = gaussian.mean.shape[-1]
    diagonal = factor_diagonal(gaussian.factor, is_diagonal(gaussian))
    return jnp.sum(jnp.log(diagonal)) + 0.5 * dim * (1.0 + LOG_TWO_PI)


def apply_factor(factor: Array, vector: Array) -> Array:
    """Returns L v."""
    return factor * vector if factor.ndim == 1 else product(factor, vector)


def apply_transposed_factor(factor: Array, vector: Array) -> Array:
    """Returns L^T v."""
    return factor * vector if factor.ndim == 1 else product(factor.T, vector)


def reverse_cholesky(matrix: Array) -> Array:
    """Returns the upper triangular R with R R^T = matrix (symmetric), NaN where there is none."""
    # LAPACK is column-major: the transpose is the same matrix, and needs no copy.
    reversed_matrix = jnp.flip(matrix.T, (0, 1))
    return jnp.flip(jnp.linalg.cholesky(reversed_matrix, symmetrize_input=False), (0, 1))


def unit_like(matrix: Array) -> Array:
    """Returns the identity in the form of ``matrix``: [D, D], or its diagonal [D]."""
    if matrix.ndim == 1:
        return jnp.ones_like(matrix)
    return jnp.eye(matrix.shape[0], dtype=matrix.dtype)


def inverse_root(root: Array) -> Array:
    """Returns F = R^-T, so that F F^T is the inverse of R R^T.

    Args:
        root: [D, D] upper triangular R; then F is the lower Cholesky factor. Or [D], its diagonal.
    """
    if root.ndim == 1:
        return 1.0 / root
    return solve_triangular(root, unit_like(root), lower=False).T


def move(gaussian: Gaussian, factor: Array, shift: Array) -> Gaussian:
    """Returns the Gaussian that is N(shift, F F^T) in the whitened coordinates of another.

    Args:
        gaussian: the Gaussian whose whitened coordinates are meant.
        factor: F, [D, D] lower triangular or [D].
        shift: [D].
    """
    mean = gaussian.mean + apply_factor(gaussian.factor, shift)
    if is_diagonal(gaussian):
        inverse_factor = gaussian.inverse_factor / factor
        return Gaussian(mean, gaussian.factor * factor, inverse_factor, gaussian.degrees)
    new_factor = product(gaussian.factor, factor)
    inverse_factor = solve_triangular(new_factor, unit_like(new_factor), lower=True)
    return Gaussian(mean, new_factor, inverse_factor, gaussian.degrees)


def factor_of_precision(precision: Array) -> Array:
    """Returns F with F F^T = P^-1, not finite where P is not positive definite.

    Args:
        precision: P, [D, D] symmetric, or [D] for a diagonal one.
    """
    root = jnp.sqrt(precision) if precision.ndim == 1 else reverse_cholesky(precision)
    return inverse_root(root)


def change_precision(gaussian: Gaussian, precision: Array, linear: Array) -> Gaussian:
    """Returns the Gaussian with the given natural parameters in whitened coordinates.

    In z = L^-1 (x - mean) the result has precision P = ``precision`` and mean P^-1 ``linear``.
    With P = R R^T (R upper triangular) the new Cholesky factor is L R^-T, so the quality of
    the factorisation depends on the conditioning of the STEP, not of the covariance.

    Args:
        gaussian: the Gaussian whose whitened coordinates are meant.
        precision: [D, D] symmetric, or [D] for a diagonal covariance.
        linear: [D].

    Returns:
        The new Gaussian, not finite if ``precision`` is not positive definite.
    """
    factor = factor_of_precision(precision)
    shift = apply_factor(factor, apply_transposed_factor(factor, linear))
    return move(gaussian, factor, shift)


def divergence_from_standard(factor: Array, shift: Array) -> Array:
    """Returns KL(N(shift, F F^T) || N(0, I)), the KL of a step in whitened coordinates.

    2 KL = sum_i (F_ii^2 - 1 - 2 log F_ii) + sum_{i > j} F_ij^2 + |shift|^2: no term is negative,
    and near the identity each is computed without cancellation, so that small steps keep their
    divergence in float32.

    Args:
        factor: F, [D, D] lower triangular with a positive diagonal, or [D].
        shift: [D].
    """
    diagonal = factor_diagonal(factor, factor.ndim == 1)
    excess = diagonal - 1.0
    # excess - log(1 + excess)
    series = excess**2 * (0.5 + excess * (-1.0 / 3.0 + excess * (0.25 - 0.2 * excess)))
    gap = jnp.where(jnp.abs(excess) < 1e-2, series, excess - jnp.log(diagonal))
    total = jnp.sum(excess**2 + 2.0 * gap) + jnp.sum(shift * shift)
    if factor.ndim == 2:
        total += jnp.sum(jnp.square(jnp.tril(factor, -1)))
    return 0.5 * total


def whitening_error(gaussian: Gaussian) -> Array:
    """Returns how far rounding moves a sample at most, in standard deviations.

    To first order: eps max_i sum_j |L^-1|_ij (|mean_j| + deviation_j). At 1 the Gaussian is as
    narrow as the spacing of floating-point numbers around its mean, and its samples and their
    densities are meaningless. The value does not depend on the scaling of the coordinates.
    """
    if is_diagonal(gaussian):
        relative = gaussian.inverse_factor * (jnp.abs(gaussian.mean) + gaussian.factor)
    else:
        deviation = jnp.sqrt(jnp.sum(gaussian.factor * gaussian.factor, axis=1))
        relative = product(jnp.abs(gaussian.inverse_factor), jnp.abs(gaussian.mean) + deviation)
    return jnp.finfo(relative.dtype).eps * jnp.max(relative)
