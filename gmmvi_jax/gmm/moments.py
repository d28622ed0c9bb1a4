"""The arrays of a mixture from weights, means and covariances, or their like."""

import jax.numpy as jnp
from numpy.typing import ArrayLike

from gmmvi_jax.gmm.checks import Names, check_moments
from gmmvi_jax.requirements import require_array
from gmmvi_jax.typing import Array


def parameters_from_moments(
    weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, names: Names | None = None
) -> tuple[Array, Array, Array]:
    """Returns the log weights, means and factors; see ``GMM.from_moments``.

    Args:
        weights: [K].
        means: [K, D].
        covariances: [K, D, D] or [K, D].
        names: what errors call the arguments, as they are called here if not given.
    """
    names = Names() if names is None else names
    named = {"weights": weights, names.centres: means, names.spreads: covariances}
    moments = [require_array(name, moment) for name, moment in named.items()]
    dtype = jnp.result_type(*moments, float)  # of integers, the default float
    weights, means, covariances = (moment.astype(dtype) for moment in moments)
    check_moments(weights, means, covariances, names)
    factors = jnp.sqrt(covariances) if covariances.ndim == 2 else jnp.linalg.cholesky(covariances)
    # The logarithm of 0 has no gradient, and would make the gradients of all weights NaN: the
    # double where.
    is_zero = weights == 0.0
    log_weights = jnp.where(is_zero, -jnp.inf, jnp.log(jnp.where(is_zero, 1.0, weights)))
    return log_weights - jnp.log(jnp.sum(weights)), means, factors
