"""A Gaussian mixture as what Adam changes: unconstrained numbers."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.mixture_draws import mixture_draws
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.problem import Draw


class MixtureParameters(NamedTuple):
    """Unconstrained parameters of a mixture of K Gaussians in D dimensions."""

    logits: Any  # [K]
    means: Any  # [K, D]
    log_scales: Any  # [K, D] logarithms of the Cholesky factors' diagonals
    lower: Any  # [K, D, D], of which only what is below the diagonal is read; [K, 0, 0] diagonal


def initial_parameters(key: Any, num_components: int, dim: int, diagonal: bool) -> Any:
    """Returns standard normal means, unit covariances and equal weights."""
    size = 0 if diagonal else dim
    return MixtureParameters(
        logits=jnp.zeros(num_components),
        means=jax.random.normal(key, (num_components, dim)),
        log_scales=jnp.zeros((num_components, dim)),
        lower=jnp.zeros((num_components, size, size)),
    )


def factors(parameters: MixtureParameters) -> Any:
    """Returns the lower Cholesky factors [K, D, D]."""
    diagonals = jax.vmap(jnp.diag)(jnp.exp(parameters.log_scales))
    if parameters.lower.shape[-1] == 0:
        return diagonals
    return diagonals + jnp.tril(parameters.lower, -1)


def log_density(parameters: MixtureParameters, point: Any) -> Any:
    """Returns the log density of one point [D]; logits of -inf leave components out."""

    def log_component(mean: Any, factor: Any, log_scale: Any) -> Any:
        white = jax.scipy.linalg.solve_triangular(factor, point - mean, lower=True)
        return -0.5 * jnp.sum(white**2) - jnp.sum(log_scale)

    terms = jax.vmap(log_component)(parameters.means, factors(parameters), parameters.log_scales)
    log_weights = jax.nn.log_softmax(parameters.logits)
    constant = 0.5 * point.shape[0] * np.log(2.0 * np.pi)
    return jax.nn.logsumexp(log_weights + terms) - constant


def draw_each(parameters: MixtureParameters, key: Any, num_samples: int) -> Any:
    """Returns reparameterised draws [K, n, D], n of each component."""
    num_components, dim = parameters.means.shape
    noise = jax.random.normal(key, (num_components, num_samples, dim))
    return parameters.means[:, None] + jnp.einsum("kij,knj->kni", factors(parameters), noise)


def draws_of(coordinates: PriorCoordinates, parameters: MixtureParameters) -> Draw:
    """Returns the draw function of the mixture in the target's own coordinates."""
    parameters = MixtureParameters(*(np.asarray(leaf) for leaf in parameters))
    live = np.isfinite(parameters.logits)
    widths = np.asarray(factors(parameters))
    return mixture_draws(
        parameters.logits[live],
        (coordinates.mean + coordinates.scale * parameters.means)[live],
        (coordinates.scale[:, None] * widths)[live],
    )
