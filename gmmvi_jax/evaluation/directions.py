"""Directions in which a mixture may have diverged."""

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.evaluation import evaluate_chunk, full_density, has_gradient
from gmmvi_jax.evaluation.on_host import host_arrays, host_covariance, host_draws
from gmmvi_jax.gmm import GMM
from gmmvi_jax.lowrank.mixtures import gaussians_of
from gmmvi_jax.numerics.keys import subkeys
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

_LARGEST_STEP = 1e10  # 10,000 times this can be squared in float32
_SNAPPED_SHARE = 0.3  # entries below this share of the largest one become 0
_MAX_DIM = 512  # for which eigenvectors are computed
_MAX_GRADIENT_DIM = 128
_SMALL_GRADIENT = 0.3  # for a Gaussian and an exact fit the second moment is 1


def line_directions(gmm: GMM, centre: np.ndarray) -> np.ndarray:
    """Returns [M, D] steps of one standard deviation along the widest directions of the mixture.

    These are two axes of its second moment about ``centre`` and the principal axis of its
    covariance. A fitted axis is never exact, and if exactly one direction is flat, ten thousand
    steps along another one leave it. Each axis is therefore also returned with its largest
    coordinate alone, and with equal entries in its large coordinates.
    """
    if not all(
        np.all(np.isfinite(np.asarray(leaf))) for leaf in jax.tree.leaves((gmm.means, gmm.factors))
    ):
        return np.zeros((0, gmm.dim))
    weights, means, _ = host_arrays(gmm)
    offset = weights @ means - centre
    if gmm.dim > _MAX_DIM:  # no covariance, and no eigenvectors
        largest = int(np.argmax(np.var(means, axis=0) + offset**2))
        widest = int(np.argmax(np.max(np.asarray(gaussians_of(gmm).variances), axis=0)))
        return _steps(gmm, [np.eye(1, gmm.dim, index)[0] for index in (largest, widest)])
    covariance = host_covariance(gmm)
    axes = [
        *np.linalg.eigh(covariance + np.outer(offset, offset))[1].T[:-3:-1],
        np.linalg.eigh(covariance)[1][:, -1],
    ]
    return _steps(gmm, axes)


def null_direction(gmm: GMM, log_target: LogDensity, key: PRNGKey) -> tuple[np.ndarray, int]:
    """Returns [M, D] steps along which the target's gradient vanishes at draws of the mixture.

    In coordinates whitened by the mixture's covariance, the second moment of the gradients has a
    small eigenvalue along such a direction. There are none without gradients or with D above 128.

    Returns:
        The steps, and the number of target evaluations.
    """
    nothing = np.zeros((0, gmm.dim))
    if gmm.dim > _MAX_GRADIENT_DIM or not has_gradient(log_target):
        return nothing, 0
    covariance = host_covariance(gmm)
    if not np.all(np.isfinite(covariance)):
        return nothing, 0
    num_draws = max(2 * gmm.dim, 32)
    key_draws, key_target = subkeys(key, 2)
    draws = np.asarray(host_draws(gmm, key_draws, num_draws), gmm.means.dtype)
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
    return _steps(gmm, [root @ axes[:, 0]]), num_draws


@jax.jit
def _gradients(log_target: LogDensity, key: PRNGKey, points: Array) -> Array:
    num_live = jnp.asarray(points.shape[0], jnp.int32)
    gradients = evaluate_chunk(key, full_density(log_target), points, num_live, True)[1]
    return jnp.zeros_like(points) if gradients is None else gradients


def _steps(gmm: GMM, axes: list[np.ndarray]) -> np.ndarray:
    """Returns [M, D] distinct axes and their variants, scaled to the width of the mixture."""
    units: list[np.ndarray] = []
    for axis in axes:
        largest = int(np.argmax(np.abs(axis)))
        relative = axis / axis[largest]
        snapped = np.where(np.abs(relative) < _SNAPPED_SHARE, 0.0, np.sign(relative))
        for candidate in (np.eye(1, len(axis), largest)[0], snapped, axis):
            unit = candidate / np.linalg.norm(candidate)
            if all(abs(unit @ other) < 1.0 - 1e-12 for other in units):
                units.append(unit)
    return np.array([min(_width(gmm, unit), _LARGEST_STEP) * unit for unit in units])


def _width(gmm: GMM, unit: np.ndarray) -> float:
    """Returns the standard deviation of the mixture along a direction [D] of length 1."""
    weights, means, roots = host_arrays(gmm)
    places = means @ unit
    variances = np.square(places - weights @ places) + roots.along(unit)
    return float(np.sqrt(weights @ variances))
