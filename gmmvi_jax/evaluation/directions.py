"""Directions in which a mixture may have run away."""

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.target_evaluation import (
    evaluate_chunk,
    full_density,
)
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

_LARGEST_STEP = 1e10  # its multiples by 10,000 can be squared in float32
_SNAPPED_SHARE = 0.3  # entries so small relative to the largest become 0
_MAX_GRADIENT_DIM = 128
_SMALL_GRADIENT = 0.3  # of a Gaussian, and its own fit, the whitened gradient's moment is 1


def line_directions(gmm: GMM, centre: np.ndarray) -> np.ndarray:
    """Returns [M, D] steps of one standard deviation of the mixture along where it is widest.

    Two axes of its second moment about ``centre``, and the principal axis of its covariance; and
    next to each its largest coordinate alone, and its large coordinates with equal entries. A
    fitted axis is never exact, and where exactly one direction is flat, ten thousand steps along
    another one leave it.
    """
    mean, covariance = _moments(gmm)
    offset = mean - centre
    if not np.all(np.isfinite(covariance)) or not np.all(np.isfinite(offset)):
        return np.zeros((0, gmm.dim))
    axes = [
        *np.linalg.eigh(covariance + np.outer(offset, offset))[1].T[:-3:-1],
        np.linalg.eigh(covariance)[1][:, -1],
    ]
    return _steps(axes, covariance)


def null_direction(gmm: GMM, log_target: LogDensity, key: PRNGKey) -> tuple[np.ndarray, int]:
    """Returns [M, D] steps along which the target's gradient vanishes at draws of the mixture.

    Whitened by the mixture's covariance, the second moment of the gradients has a small eigenvalue
    there. None where there is no such direction, no gradient, or D is above 128.

    Returns:
        The steps, and how often the target was evaluated.
    """
    nothing = np.zeros((0, gmm.dim))
    covariance = _moments(gmm)[1]
    can_differentiate = getattr(log_target, "has_gradient", True)
    if gmm.dim > _MAX_GRADIENT_DIM or not can_differentiate or not np.all(np.isfinite(covariance)):
        return nothing, 0
    num_draws = max(2 * gmm.dim, 32)
    key_draws, key_target = jax.random.split(key)
    draws = gmm.sample(key_draws, (num_draws,))
    gradients = np.asarray(_gradients(log_target, key_target, draws), float)
    gradients = gradients[np.all(np.isfinite(gradients), axis=1)]
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    whitened = gradients @ root
    if len(whitened) < gmm.dim:
        return nothing, num_draws
    sizes, axes = np.linalg.eigh(whitened.T @ whitened / len(whitened))
    if not sizes[0] < _SMALL_GRADIENT:
        return nothing, num_draws
    return _steps([root @ axes[:, 0]], covariance), num_draws


@jax.jit
def _gradients(log_target: LogDensity, key: PRNGKey, points: Array) -> Array:
    num_live = jnp.asarray(points.shape[0], jnp.int32)
    gradients = evaluate_chunk(key, full_density(log_target), points, num_live, True)[1]
    return jnp.zeros_like(points) if gradients is None else gradients


def _moments(gmm: GMM) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean [D] and covariance [D, D] in float64: those of a lost mixture are large."""
    weights, means = np.asarray(gmm.weights, float), np.asarray(gmm.means, float)
    factors = np.asarray(gmm.factors, float)
    mean = weights @ means
    centred = means - mean
    between = np.einsum("k,ki,kj->ij", weights, centred, centred)
    if gmm.is_diagonal:
        return mean, between + np.diag(weights @ np.square(factors))
    lower = np.tril(factors)
    return mean, between + np.einsum("k,kij,klj->il", weights, lower, lower)


def _steps(axes: list[np.ndarray], covariance: np.ndarray) -> np.ndarray:
    """Returns [M, D] axes, their neighbours, all different, with the mixture's width."""
    units: list[np.ndarray] = []
    for axis in axes:
        largest = np.argmax(np.abs(axis))
        relative = axis / axis[largest]
        snapped = np.where(np.abs(relative) < _SNAPPED_SHARE, 0.0, np.sign(relative))
        for candidate in (np.eye(len(axis))[largest], snapped, axis):
            unit = candidate / np.linalg.norm(candidate)
            if all(abs(unit @ other) < 1.0 - 1e-12 for other in units):
                units.append(unit)
    widths = [np.sqrt(unit @ covariance @ unit) for unit in units]
    lengths = np.minimum(widths, _LARGEST_STEP)
    return np.array(units) * lengths[:, None]
