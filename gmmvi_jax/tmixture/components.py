"""The K Student-t distributions of a ``TMixture`` without their weights.

They are given by three arrays:
    means: [K, D] the locations.
    factors: [K, D, D] lower Cholesky factors of the scale matrices, or [K, D] the roots of their
        diagonals. Diagonal does not mean independent: the coordinates share one chi2.
    degrees: [K] degrees of freedom, inf for a Gaussian.

What concerns locations and factors alone is in ``gmm.components``.
"""

from collections.abc import Callable

import jax.numpy as jnp

from gmmvi_jax.gmm import components as gmm_components
from gmmvi_jax.numerics import student_t
from gmmvi_jax.typing import Array


def log_densities(means: Array, factors: Array, degrees: Array) -> Callable[[Array], Array]:
    """Returns the function from ONE point [D] to the log densities [K]."""
    whiten = gmm_components.whitener(means, factors)
    return lambda point: _log_densities_from_whitened(factors, degrees, whiten(point))


def _log_densities_from_whitened(factors: Array, degrees: Array, whitened: Array) -> Array:
    """Returns [K] the log densities at ONE point, from its whitened coordinates [K, D]."""
    squared_norms = jnp.sum(jnp.square(whitened), axis=-1)
    kernels = student_t.log_kernel(squared_norms, degrees, whitened.shape[-1])
    values = kernels - gmm_components.log_volumes(whitened, factors)
    # If all were -inf, logsumexp and softmax over the components would have NaN gradients.
    return jnp.maximum(values, jnp.finfo(values.dtype).min)


def conditional(
    means: Array,
    factors: Array,
    degrees: Array,
    dims: list[int],
    rest: list[int],
    values: Array,
) -> tuple[Array, Array, Array, Array]:
    """Returns the Student-t distributions of the remaining coordinates, given those in ``dims``.

    Ding, "On the conditional distribution of the multivariate t distribution", 2016.

    Args:
        means: [K, D].
        factors: [K, D, D] or [K, D].
        degrees: [K].
        dims: M distinct indices.
        rest: the D - M others.
        values: [M] the values of these coordinates.

    Returns:
        means [K, D - M], factors [K, D - M, D - M] or [K, D - M], degrees [K], and [K] the log
        densities of ``values``.
    """
    rest_means, rest_factors, given_factors, whitened = gmm_components.conditional(
        means, factors, dims, rest, values
    )
    squared_norms = jnp.sum(jnp.square(whitened), axis=-1)
    scales = student_t.conditional_scale(squared_norms, degrees, len(dims))
    rest_factors = rest_factors * scales.reshape(-1, *(1,) * (rest_factors.ndim - 1))
    log_marginals = _log_densities_from_whitened(given_factors, degrees, whitened)
    return rest_means, rest_factors, degrees + len(dims), log_marginals


def entropies(means: Array, factors: Array, degrees: Array) -> Array:
    """Returns [K] the differential entropies in nats."""
    unit = student_t.unit_entropy(degrees, means.shape[-1])
    return gmm_components.log_volumes(means, factors) + unit


def gaussian_factors(factors: Array, degrees: Array) -> Array:
    """Returns the factors of the covariances, NaN for components that have none."""
    has_any = degrees > 2.0
    # nu / (nu - 2), also where nu is inf.
    inflation = 1.0 + 2.0 / (jnp.where(has_any, degrees, 4.0) - 2.0)
    scales = jnp.where(has_any, jnp.sqrt(inflation), jnp.nan)
    return factors * scales.reshape(-1, *(1,) * (factors.ndim - 1))
