"""The log density of a mixture as a landscape: heights, ascents, and paths along ridges.

In float64 with numpy: there are few points, and compiling a program for every number of components
would take longer than the computation.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.host_roots import host_roots

MAX_CLIMB = 200  # steps
ARRIVED = 1e-4  # step length, in standard deviations, below which a climb ends
_STRAIGHTENED = 0.03  # the same for bending a path
_BENDS = 10  # steps that bend a path; more do not change the saddles of curved ridges
_INNER = 7  # points of a path between its ends
_CHUNK_NUMBERS = 2**22  # points x components x dimensions held at a time


class Slope(NamedTuple):
    """Heights, gradients and curvatures at some points."""

    heights: np.ndarray  # [N] log q
    pulls: np.ndarray  # [N, D] gradients of log q
    curvatures: np.ndarray  # [N, D, D] positive definite; or [N, D] of diagonal covariances


class Landscape:
    """log q of a mixture; float64 on the host."""

    def __init__(self, gmm: GMM, kept: np.ndarray) -> None:
        """Takes the components ``kept`` (indices) of ``gmm``."""
        self.means = np.asarray(gmm.means, np.float64)[kept]
        self._log_weights = np.asarray(gmm.log_weights, np.float64)[kept]
        roots = host_roots(jax.tree.map(lambda array: np.asarray(array)[kept], gmm.factors))
        self._inverses = roots.inverses()
        self.is_diagonal = self._inverses.ndim == 2
        if self.is_diagonal:
            self.precisions = np.square(self._inverses)
        else:
            self.precisions = np.swapaxes(self._inverses, 1, 2) @ self._inverses
        dim = self.means.shape[1]
        self._log_scales = -roots.log_determinants() - 0.5 * dim * np.log(2.0 * np.pi)

    def log_terms(self, points: np.ndarray) -> np.ndarray:
        """Returns [N, K] log pi_k N(x | k)."""
        parts = [self._log_terms(self._whiten(chunk)) for chunk in self._chunks(points)]
        return np.concatenate(parts)

    def heights(self, points: np.ndarray) -> np.ndarray:
        """Returns [N] log q at points [N, D]."""
        return _log_sum(self.log_terms(points))

    def slope(self, points: np.ndarray) -> Slope:
        """Returns heights, gradients and curvatures at points [N, D]."""
        parts = [self._slope(chunk) for chunk in self._chunks(points)]
        return Slope(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def climb(self) -> np.ndarray:
        """Returns [K, D] the limits of the mixture's fixed-point iteration from each mean.

        x <- (sum_k p(k|x) Lambda_k)^-1 sum_k p(k|x) Lambda_k mu_k never decreases log q.
        Source: Carreira-Perpinan, "Mode-finding for mixtures of Gaussian distributions", IEEE
        TPAMI 2000, Section 4.2.
        """
        points = self.means.copy()
        moving = np.arange(len(points))
        for _ in range(MAX_CLIMB):
            slope = self.slope(points[moving])
            steps = _solve(slope.curvatures, slope.pulls[:, :, None])[:, :, 0]
            points[moving] += steps
            moving = moving[np.sum(steps * slope.pulls, axis=1) > ARRIVED**2]
            if len(moving) == 0:
                break
        return points

    def straight_saddles(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Returns [E] the lowest log q on the lines from ``starts`` to ``ends`` [E, D]."""
        return self._lowest(_straight(starts, ends))

    def bent_saddles(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Returns [E] the lowest log q on paths that are bent towards higher log q.

        The points of a straight line climb, by the step of ``climb``, in the plane orthogonal to
        the line, up to the top of a curved ridge.
        """
        paths = _straight(starts, ends)
        count, _, dim = paths[:, 1:-1].shape
        chords = np.repeat(ends - starts, _INNER, axis=0)
        points = paths[:, 1:-1].reshape(-1, dim)
        moving = np.arange(len(points))
        for _ in range(_BENDS):
            slope, across = self.slope(points[moving]), chords[moving]
            solved = _solve(slope.curvatures, np.stack([slope.pulls, across], axis=2))
            free, back = solved[:, :, 0], solved[:, :, 1]
            share = np.sum(across * free, axis=1) / np.sum(across * back, axis=1)
            steps = free - share[:, None] * back
            points[moving] += steps
            moving = moving[np.sum(steps * slope.pulls, axis=1) > _STRAIGHTENED**2]
            if len(moving) == 0:
                break
        paths[:, 1:-1] = points.reshape(count, _INNER, dim)
        return self._lowest(paths)

    def _lowest(self, paths: np.ndarray) -> np.ndarray:
        """Returns [E] the lowest log q at the points [E, S, D] of paths."""
        heights = self.heights(paths.reshape(-1, paths.shape[-1]))
        return heights.reshape(paths.shape[:2]).min(axis=1)

    def _chunks(self, points: np.ndarray) -> Iterator[np.ndarray]:
        num_components, dim = self.means.shape
        size = max(1, _CHUNK_NUMBERS // (max(num_components, dim) * dim))
        for start in range(0, len(points), size):
            yield points[start : start + size]

    def _whiten(self, points: np.ndarray) -> np.ndarray:
        """Returns [K, N, D] the points in standard deviations of each component."""
        centred = points[None] - self.means[:, None]
        if self.is_diagonal:
            return centred * self._inverses[:, None]
        return centred @ np.swapaxes(self._inverses, 1, 2)

    def _log_terms(self, whitened: np.ndarray) -> np.ndarray:
        offsets = self._log_weights + self._log_scales
        return (offsets[:, None] - 0.5 * np.sum(np.square(whitened), axis=2)).T

    def _slope(self, points: np.ndarray) -> Slope:
        whitened = self._whiten(points)
        log_terms = self._log_terms(whitened)
        heights = _log_sum(log_terms)
        shares = np.exp(log_terms - heights[:, None])
        weighted = whitened * -shares.T[:, :, None]
        if self.is_diagonal:
            pulls = np.sum(weighted * self._inverses[:, None], axis=0)
        else:
            pulls = np.sum(weighted @ self._inverses, axis=0)
        shape = (len(points), *self.precisions.shape[1:])
        flat = self.precisions.reshape(len(self.precisions), -1)
        return Slope(heights, pulls, (shares @ flat).reshape(shape))


def _straight(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns [E, S, D] equidistant points on the lines, both ends included."""
    shares = np.linspace(0.0, 1.0, _INNER + 2)[None, :, None]
    return starts[:, None] + shares * (ends - starts)[:, None]


def _log_sum(log_terms: np.ndarray) -> np.ndarray:
    largest = log_terms.max(axis=1)
    return largest + np.log(np.sum(np.exp(log_terms - largest[:, None]), axis=1))


def _solve(curvatures: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns [N, D, M] the solutions for columns [N, D, M]."""
    if curvatures.ndim == 2:
        return columns / curvatures[:, :, None]
    return np.linalg.solve(curvatures, columns)
