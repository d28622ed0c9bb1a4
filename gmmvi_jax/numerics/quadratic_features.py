"""Quadratic functions of a whitened point, as linear models: features and coefficients.

Written for ONE component. The features of z are z_i z_j (i >= j) and z_i, or z_i^2 and z_i where
covariances are diagonal, each minus its weighted mean. Centring eliminates the (unregularised)
constant from the regression, and makes the features nearly uncorrelated under the component's own
distribution, where they are multiples of Hermite polynomials.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.typing import Array


class Quadratic(NamedTuple):
    """One number per feature: coefficients, means of features, or sums of them.

    As a pytree it is a vector with the inner product of the coefficients.
    """

    square: Array  # [D, D] of z_i z_j at i >= j, zero above; or [D] of z_i^2
    linear: Array  # [D] of z_i


def feature_sum(whitened: Array, weights: Array, diagonal: bool) -> Quadratic:
    """Returns sum_n w_n f(z_n) over a chunk, for features that are not centred.

    Args:
        whitened: z, [D, C].
        weights: [C].
        diagonal: whether covariances are diagonal.
    """
    weighted = whitened * weights
    linear = jnp.sum(weighted, axis=1)
    if diagonal:
        return Quadratic(jnp.sum(weighted * whitened, axis=1), linear)
    return Quadratic(jnp.tril(jnp.matmul(weighted, whitened.T, precision=PRECISION)), linear)


def centred_feature_sum(whitened: Array, weights: Array, means: Quadratic) -> Quadratic:
    """Returns sum_n w_n (f(z_n) - means) over a chunk.

    Args:
        whitened: z, [D, C].
        weights: [C].
        means: of the features.
    """
    if means.square.ndim == 1:
        square = jnp.square(whitened) - means.square[:, None]
        centred = Quadratic(square, whitened - means.linear[:, None])
        return jax.tree.map(lambda rows: jnp.matmul(rows, weights, precision=PRECISION), centred)
    total = jnp.sum(weights)
    sums = feature_sum(whitened, weights, diagonal=False)
    return jax.tree.map(lambda value, mean: value - total * mean, sums, means)


def evaluate(coefficients: Quadratic, whitened: Array, means: Quadratic) -> Array:
    """Returns [C] the sum of coefficients times centred features.

    Args:
        coefficients: one per feature.
        whitened: z, [D, C].
        means: of the features.
    """
    square, linear = coefficients
    if square.ndim == 1:
        # Centre every term, not the sum: in 10,000 dimensions the sum of the means is 70 times
        # the variation.
        terms = jnp.matmul(
            square, jnp.square(whitened) - means.square[:, None], precision=PRECISION
        )
        return terms + jnp.matmul(linear, whitened - means.linear[:, None], precision=PRECISION)
    slopes = jnp.matmul(square, whitened, precision=PRECISION) + linear[:, None]
    offset = jnp.vdot(square, means.square, precision=PRECISION)
    offset += jnp.vdot(linear, means.linear, precision=PRECISION)
    return jnp.sum(whitened * slopes, axis=0) - offset


def num_features(dim: int, diagonal: bool) -> int:
    """Returns the number of features M."""
    return 2 * dim if diagonal else dim * (dim + 3) // 2


def feature_rows(whitened: Array, means: Quadratic) -> Array:
    """Returns [M, C] the centred features, in the order of ``ravel``."""
    if means.square.ndim == 1:
        products = jnp.square(whitened)
    else:
        rows, columns = np.tril_indices(whitened.shape[0])
        products = whitened[rows] * whitened[columns]
    return jnp.concatenate([products, whitened]) - ravel(means)[:, None]


def ravel(values: Quadratic) -> Array:
    """Returns [M] the values as one vector."""
    square, linear = values
    if square.ndim == 2:
        square = square[np.tril_indices(linear.shape[0])]
    return jnp.concatenate([square, linear])


def unravel(vector: Array, like: Quadratic) -> Quadratic:
    """Returns the inverse of ``ravel``, in the form of ``like``."""
    split = vector.shape[0] - like.linear.shape[0]
    square, linear = vector[:split], vector[split:]
    if like.square.ndim == 2:
        lower = np.tril_indices(linear.shape[0])
        square = jnp.zeros_like(like.square).at[lower].set(square)
    return Quadratic(square, linear)
