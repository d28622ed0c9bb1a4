"""Splitting the components of a mixture into more, narrower ones."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.host_roots import coloured, host_roots

_WIDTH = 0.85  # of a part, relative to the whole; its mean is a draw from what remains
_CONCENTRIC = 0.5  # share of the parts whose mean stays: a heavy tail needs widths, not places
_SPREAD = 0.3  # standard deviation of the log of a part's width
_EVENLY = 0.5  # share of the parts that go to the components regardless of their weights


def split(gmm: GMM, count: int, generator: np.random.Generator) -> GMM:
    """Returns a mixture of more components with about the same density.

    Every component is split into parts of equal weight. Half of them have places of their own, and
    all have widths of their own. Together they have about its mean, and a sixth more than its
    covariance: components lose tails faster than they find them.

    Args:
        gmm: the mixture.
        count: components wanted; with no more than there are nothing happens.
        generator: of the displacements and widths.
    """
    size, dim = gmm.means.shape
    if count <= size:
        return gmm
    weights, means = (np.asarray(array, float) for array in (gmm.weights, gmm.means))
    shares = (1.0 - _EVENLY) * weights + _EVENLY / size
    more = generator.choice(size, count - size, p=shares / np.sum(shares))
    origins = np.concatenate([np.arange(size), more])
    num_parts = np.bincount(origins, minlength=size)[origins]
    is_split = num_parts > 1
    noise = np.sqrt(1.0 - _WIDTH**2) * generator.normal(size=(count, dim))
    is_concentric = generator.uniform(size=count) < _CONCENTRIC
    noise[~is_split | is_concentric] = 0.0
    shift = coloured(host_roots(gmm.factors), origins, noise)
    width = np.where(is_concentric, 1.0, _WIDTH) * np.exp(_SPREAD * generator.normal(size=count))
    width = np.where(is_split, width, 1.0)
    log_weights = np.asarray(gmm.log_weights, float)[origins] - np.log(num_parts)
    own = jax.tree.map(lambda array: np.asarray(array, float)[origins], gmm.factors)
    arrays = {
        "log_weights": log_weights,
        "means": means[origins] + shift,
        "factors": gmm.form.widened(own, width),
    }
    parts = jax.tree.map(lambda array: array[origins], gmm)
    arrays = jax.tree.map(lambda array: jnp.asarray(array, gmm.means.dtype), arrays)
    return dataclasses.replace(parts, **arrays)
