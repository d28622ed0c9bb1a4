"""Mixtures as distributions of Distrax, and back."""

from typing import Any

import jax.numpy as jnp

from gmmvi_jax.gmm import GMM
from gmmvi_jax.interop.arguments import require_gmm
from gmmvi_jax.packages import import_package


def _distrax() -> Any:
    return import_package("distrax", "interop.distrax", "Distrax", "distrax")


def to_mixture(gmm: GMM) -> Any:
    """Returns a mixture as a ``distrax.MixtureSameFamily`` of vectors [D].

    Args:
        gmm: with full or diagonal covariances.
    """
    gmm = require_gmm(gmm)
    distrax = _distrax()
    weights = distrax.Categorical(logits=gmm.log_weights)
    if gmm.is_diagonal:
        components = distrax.MultivariateNormalDiag(gmm.means, gmm.factors)
    else:
        components = distrax.MultivariateNormalTri(gmm.means, gmm.factors)
    return distrax.MixtureSameFamily(weights, components)


def from_mixture(distribution: Any) -> GMM:
    """Returns a mixture of Distrax, of Gaussians in one or more dimensions, as a ``GMM``.

    Raises:
        TypeError: it is another distribution, or has components of other families.
        ValueError: it has batch axes.
    """
    distrax = _distrax()
    if not isinstance(distribution, distrax.MixtureSameFamily):
        raise TypeError(
            f"distribution must be a MixtureSameFamily of Distrax, got "
            f"{type(distribution).__name__}."
        )
    if distribution.batch_shape:
        raise ValueError(f"distribution has {distribution.batch_shape} mixtures; give one.")
    weights: Any = distribution.mixture_distribution.probs
    components: Any = distribution.components_distribution
    if isinstance(components, distrax.MultivariateNormalDiag):
        return GMM.from_moments(weights, components.loc, jnp.square(components.scale_diag))
    if isinstance(components, distrax.MultivariateNormalFromBijector):  # all other normal vectors
        return GMM.from_moments(weights, components.loc, components.covariance())
    inner = components.distribution if isinstance(components, distrax.Independent) else components
    if isinstance(inner, distrax.Normal):
        means, scales = jnp.broadcast_arrays(inner.loc, inner.scale)
        shape = (len(weights), -1)
        return GMM.from_moments(weights, means.reshape(shape), jnp.square(scales.reshape(shape)))
    raise TypeError(f"distribution must have Gaussian components, got {type(inner).__name__}.")
