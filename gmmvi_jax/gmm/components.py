"""The K Gaussians of a ``GMM`` without their weights: everything that is computed per component.

Other elliptical components share what concerns only their centres and factors.

They are given by two arrays:
    means: [K, D].
    factors: [K, D, D] lower Cholesky factors of the covariances, of which only the lower triangle
        is read (an optimiser may write into the upper one); or [K, D] standard deviations.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.roots import factor_diagonal
from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.typing import Array

# Elements of the [chunk, D, D] factors gathered at once while sampling. 2 MiB in float32 fit the
# second-level cache of a CPU (measured: twice as fast as 16 MiB) and keep a GPU busy.
_GATHERED_ELEMENTS = 2**19


def is_diagonal(means: Array, factors: Array) -> bool:
    """Returns whether the covariances are diagonal."""
    return factors.ndim == means.ndim


def log_densities(means: Array, factors: Array) -> Callable[[Array], Array]:
    """Returns the function from ONE point [D] to log N(x | mean_k, covariance_k) [K]."""
    whiten = whitener(means, factors)
    return lambda point: log_densities_from_whitened(factors, whiten(point))


def whitener(means: Array, factors: Array) -> Callable[[Array], Array]:
    """Returns the function from ONE point [D] to factor_k^-1 (x - mean_k) [K, D]."""
    # Solving with a triangular factor for every point takes 10 times as long on a CPU as inverting
    # the factors once. This is outside of the inner function, so that vmap also inverts only once.
    diagonal = is_diagonal(means, factors)
    inverses = 1.0 / factors if diagonal else _invert_lower(factors)

    def whiten(point: Array) -> Array:
        centred = point[None, :] - means  # before the product, or float32 cancels far from 0
        if diagonal:
            return centred * inverses
        return jnp.einsum("kij,kj->ki", inverses, centred, precision=PRECISION)

    return whiten


def log_densities_from_whitened(factors: Array, whitened: Array) -> Array:
    """Returns [K] the log densities at ONE point, from its whitened coordinates [K, D]."""
    log_scales = jnp.log(factor_diagonal(factors, is_diagonal(whitened, factors)))
    terms = -log_scales - 0.5 * jnp.square(whitened)
    values = jnp.sum(terms, axis=-1) - 0.5 * whitened.shape[-1] * LOG_TWO_PI
    # If all were -inf, logsumexp and softmax over the components would have NaN gradients.
    return jnp.maximum(values, jnp.finfo(values.dtype).min)


def transform_noise(means: Array, factors: Array, components: Array, noise: Array) -> Array:
    """Returns [N, D] mean_k + factor_k z, for standard normal z and their components k.

    Args:
        means: [K, D].
        factors: [K, D, D] or [K, D].
        components: [N] int32.
        noise: [N, D].
    """
    if is_diagonal(means, factors):
        return means[components] + factors[components] * noise
    lower = jnp.tril(factors)

    def transform(pair: tuple[Array, Array]) -> Array:
        component, vector = pair
        return means[component] + jnp.matmul(lower[component], vector, precision=PRECISION)

    # In chunks, since gathering every sample's factor at once would take [N, D, D]. The work does
    # not grow with K, unlike that of a masked product per component.
    num_samples, dim = noise.shape
    chunk = max(1, min(num_samples, _GATHERED_ELEMENTS // dim**2))
    return jax.lax.map(transform, (components, noise), batch_size=chunk)


def entropies(means: Array, factors: Array) -> Array:
    """Returns [K] the differential entropies in nats."""
    return log_volumes(means, factors) + 0.5 * means.shape[-1] * (1.0 + LOG_TWO_PI)


def log_volumes(means: Array, factors: Array) -> Array:
    """Returns [K] log |det factor_k|."""
    return jnp.sum(jnp.log(factor_diagonal(factors, is_diagonal(means, factors))), axis=-1)


def variances(means: Array, factors: Array) -> Array:
    """Returns [K, D] the diagonals of the covariances."""
    if is_diagonal(means, factors):
        return jnp.square(factors)
    return jnp.sum(jnp.square(jnp.tril(factors)), axis=-1)


def covariances(means: Array, factors: Array) -> Array:
    """Returns [K, D, D] the covariances."""
    if is_diagonal(means, factors):
        return jax.vmap(jnp.diag)(jnp.square(factors))
    lower = jnp.tril(factors)
    return jnp.matmul(lower, lower.mT, precision=PRECISION)


def quadratic_expectations(means: Array, factors: Array, matrix: Array) -> Array:
    """Returns [K] E[x^T A x] = mean_k^T A mean_k + trace(A covariance_k), for A [D, D]."""
    at_means = jnp.sum(jnp.matmul(means, matrix.T, precision=PRECISION) * means, axis=-1)
    if is_diagonal(means, factors):
        own = jnp.diagonal(matrix)
        return at_means + jnp.matmul(jnp.square(factors), own, precision=PRECISION)
    lower = jnp.tril(factors)
    product = jnp.einsum("ij,kjl->kil", matrix, lower, precision=PRECISION)
    return at_means + jnp.sum(product * lower, axis=(-2, -1))


def marginal(means: Array, factors: Array, dims: list[int]) -> tuple[Array, Array]:
    """Returns the means and factors of the coordinates ``dims``."""
    index = np.asarray(dims)
    if is_diagonal(means, factors):
        return means[:, index], factors[:, index]
    return means[:, index], _triangularise(jnp.tril(factors)[:, index])


def conditional(
    means: Array, factors: Array, dims: list[int], rest: list[int], values: Array
) -> tuple[Array, Array, Array, Array]:
    """Returns the Gaussians of the remaining coordinates, given those in ``dims``.

    Args:
        means: [K, D].
        factors: [K, D, D] or [K, D].
        dims: M distinct indices.
        rest: the D - M others.
        values: [M] the values of these coordinates.

    Returns:
        means [K, D - M] and factors [K, D - M, D - M] or [K, D - M] of the remaining coordinates;
        the factors [K, M, M] or [K, M] of those in ``dims``, and their values whitened, [K, M].
    """
    count = len(dims)
    # With the given coordinates first, the blocks of the Cholesky factor are the factor of their
    # marginal, the regression on them, and the factor of the conditional.
    ordered_means, ordered = marginal(means, factors, dims + rest)
    given_means, rest_means = ordered_means[:, :count], ordered_means[:, count:]
    if is_diagonal(means, factors):
        given_factors, rest_factors = ordered[:, :count], ordered[:, count:]
        whitened = whitener(given_means, given_factors)(values)
    else:
        given_factors, rest_factors = ordered[:, :count, :count], ordered[:, count:, count:]
        whitened = whitener(given_means, given_factors)(values)
        regression = ordered[:, count:, :count]
        rest_means = rest_means + jnp.einsum(
            "kij,kj->ki", regression, whitened, precision=PRECISION
        )
    return rest_means, rest_factors, given_factors, whitened


def _invert_lower(factors: Array) -> Array:
    """Returns [K, D, D] the inverses of lower triangular factors."""
    identity = jnp.eye(factors.shape[-1], dtype=factors.dtype)
    return jax.vmap(lambda factor: solve_triangular(factor, identity, lower=True))(factors)


def _triangularise(rows: Array) -> Array:
    """Returns [K, M, M] the Cholesky factors of R R^T, for R = ``rows`` [K, M, D].

    By QR: R^T = Q U gives R R^T = U^T U. Unlike a Cholesky decomposition of the product this does
    not square the condition number, and cannot fail.
    """
    upper = jnp.linalg.qr(rows.mT, mode="r")
    diagonal = jnp.diagonal(upper, axis1=-2, axis2=-1)
    return jnp.tril((upper * jnp.where(diagonal < 0.0, -1.0, 1.0)[..., None]).mT)
