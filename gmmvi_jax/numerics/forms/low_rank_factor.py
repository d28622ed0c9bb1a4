"""Factors of covariances of low rank plus diagonal.

L = diag(d) (I + Q diag(a) Q^T) with orthonormal columns Q [D, R] and a > -1, so that the covariance
L L^T = diag(d) (I + Q diag((1 + a)^2 - 1) Q^T) diag(d) has low rank beside a diagonal. Where a is
negative its inverse has: precisions of low rank plus diagonal are in the family as well. L is not
triangular, but as any square root it serves for whitening, and
L^-1 = (I + Q diag(b) Q^T) diag(1 / d) with b = -a / (1 + a).

A point or a column takes O(D R), as does the memory.
"""

from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array


class LowRankFactor(NamedTuple):
    """L of one Gaussian, or of a stack of them with a leading axis on every array.

    Attributes:
        scale: [D] d, positive.
        basis: [D, M] orthonormal columns, of which the first R are Q. The others, if any, are
            directions in which the next step looks for correlations.
        excess: [R] a, above -1.
    """

    scale: Array
    basis: Array
    excess: Array

    @property
    def rank(self) -> int:
        """The number of directions R."""
        return self.excess.shape[-1]

    @property
    def columns(self) -> Array:
        """[..., D, R] Q."""
        return self.basis[..., : self.rank]

    @property
    def gains(self) -> Array:
        """[..., R] (1 + a)^2 - 1, by which variances along Q exceed 1."""
        return self.excess * (2.0 + self.excess)


def inverse_excess(factor: LowRankFactor) -> Array:
    """Returns [..., R] b."""
    return -factor.excess / (1.0 + factor.excess)


def stretch(factor: LowRankFactor, columns: Array) -> Array:
    """Returns (I + Q diag(a) Q^T) Y, of columns Y [D, C] or a vector [D]."""
    return _along(factor.columns, factor.excess, columns)


def shrink(factor: LowRankFactor, columns: Array) -> Array:
    """Returns (I + Q diag(b) Q^T) Y, the inverse of ``stretch``."""
    return _along(factor.columns, inverse_excess(factor), columns)


def log_determinant(factor: LowRankFactor) -> Array:
    """Returns [...] log |det L|."""
    logs = jnp.sum(jnp.log(factor.scale), axis=-1)
    return logs + jnp.sum(jnp.log1p(factor.excess), axis=-1)


def row_variances(factor: LowRankFactor) -> Array:
    """Returns [..., D] the diagonal of L L^T."""
    shares = jnp.sum(jnp.square(factor.columns) * factor.gains[..., None, :], axis=-1)
    return jnp.square(factor.scale) * (1.0 + shares)


def covariance_rows(factor: LowRankFactor) -> Array:
    """Returns [M, M] the covariance of the coordinates in the rows of a factor: all, or some."""
    scaled = factor.scale[:, None] * factor.columns
    return jnp.diag(jnp.square(factor.scale)) + product(scaled * factor.gains, scaled.T)


def _along(basis: Array, gains: Array, columns: Array) -> Array:
    """Returns (I + Q diag(gains) Q^T) Y."""
    places = product(basis.T, columns)
    weights = gains if columns.ndim == 1 else gains[:, None]
    return columns + product(basis, weights * places)
