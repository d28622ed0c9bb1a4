"""The modes of a mixture: locations, reached by climbing from the components, and masses."""

from typing import NamedTuple

import numpy as np

from gmmvi_jax.evaluation.landscape import Landscape
from gmmvi_jax.evaluation.valleys import merge_summits
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.requirements import is_real_number
from gmmvi_jax.typing import PyTree

SAME_SUMMIT_DISTANCE = 0.1  # Mahalanobis, under the covariance of the component that led there
# Relative to the heaviest component. A lighter component has no share in a million draws, and runs
# delete such components (min_weight_for_deletion).
LIGHTEST = 1e-6
# Two Gaussians of equal weight and covariance that are 3 standard deviations apart have a valley of
# 0.44 nats between them.
MIN_DIP = 0.4


class Modes(NamedTuple):
    """The modes of a mixture, heaviest first."""

    masses: np.ndarray  # [M] summed weight of the components that lead to the mode
    locations: PyTree  # [M, D]; or a pytree of arrays [M, ...] if the position is one
    log_densities: np.ndarray  # [M] log q there
    components: np.ndarray  # [K] index of the mode that each component leads to


def find_modes(gmm: GMM, min_dip: float = MIN_DIP) -> Modes:
    """Finds the modes of a mixture by climbing from the mean of every component.

    Summits with no valley between them are merged: the components along a (possibly curved) ridge
    are many summits but one mode. Components lighter than a millionth of the heaviest one have no
    mode of their own.

    Args:
        gmm: K components in D dimensions.
        min_dip: nats that log q must fall below the lower of two modes on every path between them.
            A mixture fitted to a ridge may have valleys of up to 1 nat on it; ``min_dip=1.0``
            ignores these, but also those between two Gaussians of equal weight that are less than
            3.7 standard deviations apart.

    Returns:
        The modes, heaviest first.

    Raises:
        ValueError: ``min_dip`` is negative or NaN.
    """
    require_gmm("gmm", gmm)
    if not is_real_number(min_dip) or not min_dip >= 0.0:
        raise ValueError(f"min_dip must be a number of nats, at least 0, got {min_dip!r}.")
    weights = np.exp(np.asarray(gmm.log_weights, np.float64))
    is_light = weights < LIGHTEST * weights.max()
    kept = np.flatnonzero(~is_light)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # from diverged fits
        landscape = Landscape(gmm, kept)
        points = landscape.climb()
        heights = landscape.heights(points)
        summits, owner = _summits(landscape, points, heights)
        tops = merge_summits(
            landscape, points[summits], heights[summits], landscape.precisions[summits], min_dip
        )
        leaders, modes = np.unique(tops, return_inverse=True)
        components = np.empty(len(weights), int)
        components[kept] = modes[owner]
        components[is_light] = _adopt(landscape, gmm, is_light, components[kept], len(leaders))
    chosen = summits[leaders]
    masses = np.bincount(components, weights=weights, minlength=len(leaders))
    masses = masses / masses.sum()
    order = np.argsort(-masses, kind="stable")
    dtype = gmm.means.dtype
    return Modes(
        masses=masses[order],
        locations=points[chosen][order].astype(dtype),
        log_densities=heights[chosen][order].astype(dtype),
        components=np.argsort(order)[components],
    )


def _summits(
    landscape: Landscape, points: np.ndarray, heights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns [N] one component per distinct summit, and [K] the summit of each component."""
    owner = np.full(len(points), -1)
    leaders: list[int] = []
    for index in np.argsort(-heights, kind="stable"):
        offsets = points[leaders] - points[index]
        precision = landscape.precisions[index]
        scaled = offsets * precision if precision.ndim == 1 else offsets @ precision
        near = np.flatnonzero(np.sum(scaled * offsets, axis=1) <= SAME_SUMMIT_DISTANCE**2)
        owner[index] = near[0] if len(near) else len(leaders)
        if len(near) == 0:
            leaders.append(int(index))
    return np.array(leaders), owner


def _adopt(
    landscape: Landscape, gmm: GMM, is_light: np.ndarray, owners: np.ndarray, num_modes: int
) -> np.ndarray:
    """Returns the modes of the light components: those with the most density at their means."""
    if not is_light.any():
        return np.zeros(0, int)
    log_terms = landscape.log_terms(np.asarray(gmm.means, np.float64)[is_light])
    of_modes = [log_terms[:, owners == mode] for mode in range(num_modes)]
    return np.argmax(np.stack([terms.max(axis=1) for terms in of_modes], axis=1), axis=1)
