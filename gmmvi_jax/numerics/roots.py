"""Square roots F of matrices F F^T, as arrays: [D, D] triangular, or [D] for diagonal matrices.

Those of precisions are upper triangular, so that their inverses are lower Cholesky factors.
"""

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array


def factor_diagonal(factor: Array, diagonal: bool) -> Array:
    """Returns [..., D] the diagonal of one factor or a stack of them."""
    return factor if diagonal else jnp.diagonal(factor, axis1=-2, axis2=-1)


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


def factor_of_precision(precision: Array) -> Array:
    """Returns F with F F^T = P^-1, not finite where P is not positive definite.

    Args:
        precision: P, [D, D] symmetric, or [D] for a diagonal one.
    """
    root = jnp.sqrt(precision) if precision.ndim == 1 else reverse_cholesky(precision)
    return inverse_root(root)


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
