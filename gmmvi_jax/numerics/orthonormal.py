"""Orthonormal columns of tall matrices, by products and small eigendecompositions.

LAPACK's QR of a tall matrix takes a few tenths of a millisecond, but up to a second on a CPU whose
cores are busy; products do not.
"""

import jax.numpy as jnp

from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array

_LEAST_PART = 1e-5  # of a column outside of a span that is a direction of its own
_PASSES = 2  # the second one repairs what the first one loses of nearly dependent columns


def orthonormal_columns(matrix: Array) -> Array:
    """Returns [D, M] orthonormal columns with the span of ``matrix`` [D, M].

    Where the columns are dependent (up to rounding) some of the result are zero.
    """
    for _ in range(_PASSES):
        matrix = _whitened_columns(matrix)
    return matrix


def orthonormal_beside(matrix: Array, basis: Array) -> Array:
    """Returns [D, M] orthonormal columns that span what ``matrix`` has outside of a basis.

    Args:
        matrix: [D, M].
        basis: [D, S] orthonormal, or zero, columns.
    """
    lengths = jnp.sqrt(jnp.sum(jnp.square(matrix), axis=0))
    # Of a column in the span rounding errors are left, which are no direction.
    outside = without_span(matrix, basis)
    is_left = jnp.sum(jnp.square(outside), axis=0) > jnp.square(_LEAST_PART * lengths)
    columns = orthonormal_columns(jnp.where(is_left, outside, 0.0))
    return orthonormal_columns(without_span(columns, basis))


def without_span(matrix: Array, basis: Array) -> Array:
    """Returns the part of the columns of ``matrix`` [D, M] that is orthogonal to a basis [D, S]."""
    for _ in range(_PASSES):
        matrix = matrix - product(basis, product(basis.T, matrix))
    return matrix


def is_column(basis: Array) -> Array:
    """Returns [M] which columns of ``orthonormal_columns`` are not zero."""
    return jnp.sum(jnp.square(basis), axis=0) > 0.5


def _whitened_columns(matrix: Array) -> Array:
    """Returns the columns times the inverse root of their Gram matrix."""
    lengths = jnp.sqrt(jnp.sum(jnp.square(matrix), axis=0))
    scaled = matrix / jnp.where(lengths > 0.0, lengths, 1.0)
    eigenvalues, vectors = jnp.linalg.eigh(product(scaled.T, scaled))
    least = jnp.finfo(matrix.dtype).eps * 10.0 * matrix.shape[1]
    is_independent = eigenvalues > least
    roots = jnp.sqrt(jnp.where(is_independent, eigenvalues, 1.0))
    return jnp.where(is_independent, product(scaled, vectors) / roots, 0.0)
