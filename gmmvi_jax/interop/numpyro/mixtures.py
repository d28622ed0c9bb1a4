"""Mixtures as distributions of NumPyro, and back."""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist

from gmmvi_jax.gmm import GMM
from gmmvi_jax.interop.arguments import require_gmm


def to_mixture(gmm: GMM) -> dist.MixtureSameFamily:
    """Returns a mixture as a distribution of NumPyro, of vectors [D].

    Args:
        gmm: with full or diagonal covariances.
    """
    gmm = require_gmm(gmm)
    weights = dist.CategoricalLogits(gmm.log_weights)
    if gmm.is_diagonal:
        return dist.MixtureSameFamily(weights, dist.Normal(gmm.means, gmm.factors).to_event(1))
    return dist.MixtureSameFamily(
        weights, dist.MultivariateNormal(gmm.means, scale_tril=gmm.factors)
    )


def from_mixture(distribution: Any) -> GMM:
    """Returns a mixture of NumPyro, of Gaussians in one or more dimensions, as a ``GMM``.

    Raises:
        TypeError: it is another distribution, or has components of other families.
        ValueError: it has batch axes.
    """
    if not isinstance(distribution, dist.MixtureSameFamily):
        raise TypeError(
            f"distribution must be a MixtureSameFamily of NumPyro, got "
            f"{type(distribution).__name__}."
        )
    if distribution.batch_shape:
        raise ValueError(f"distribution has {distribution.batch_shape} mixtures; give one.")
    components: Any = distribution.component_distribution
    weights: Any = distribution.mixing_distribution.probs
    inner: Any = components.base_dist if isinstance(components, dist.Independent) else components
    family = type(inner)
    if family is dist.MultivariateNormal:
        return GMM.from_moments(weights, inner.loc, inner.covariance_matrix)
    if family is dist.Normal:
        means, scales = jnp.broadcast_arrays(inner.loc, inner.scale)
        shape = (len(weights), -1)
        return GMM.from_moments(weights, means.reshape(shape), jnp.square(scales.reshape(shape)))
    raise TypeError(f"distribution must have Gaussian components, got {family.__name__}.")
