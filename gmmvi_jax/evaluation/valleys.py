"""Merging summits of a mixture with no valley between them into modes."""

import numpy as np

from gmmvi_jax.evaluation.landscape import Landscape

_NEIGHBOURS = 8
# Paths with a deeper valley are not bent: overlapping neighbours on a ridge have shallower ones.
_DEEPEST_BENT = 20.0


def merge_summits(
    landscape: Landscape,
    points: np.ndarray,
    heights: np.ndarray,
    precisions: np.ndarray,
    min_dip: float,
) -> np.ndarray:
    """Returns [N] for each summit the index of its mode's highest summit.

    Visits the paths between neighbours in descending order of their saddles. Two modes are merged
    if the saddle is less than ``min_dip`` below the lower of their summits. A chain of summits is
    thus merged link by link. Source: merging by persistence of Chazal, Guibas, Oudot, Skraba,
    "Persistence-based clustering in Riemannian manifolds", J. ACM 2013.

    Args:
        landscape: of the mixture.
        points: [N, D] the summits.
        heights: [N] log q there.
        precisions: [N, D, D] or [N, D] of a component at each summit; they define the neighbours.
        min_dip: nats.
    """
    if len(points) == 1:
        return np.zeros(1, int)
    starts, ends = _neighbours(_distances(points, precisions))
    lower = np.minimum(heights[starts], heights[ends])
    saddles = np.minimum(landscape.straight_saddles(points[starts], points[ends]), lower)
    modes = _join(heights, starts, ends, saddles, min_dip)
    apart = modes[starts] != modes[ends]
    bent = np.flatnonzero(apart & (lower - saddles < max(_DEEPEST_BENT, 2.0 * min_dip)))
    if len(bent) == 0:
        return modes
    found = landscape.bent_saddles(points[starts[bent]], points[ends[bent]])
    saddles[bent] = np.clip(found, saddles[bent], lower[bent])
    return _join(heights, starts, ends, saddles, min_dip)


def _join(
    heights: np.ndarray, starts: np.ndarray, ends: np.ndarray, saddles: np.ndarray, min_dip: float
) -> np.ndarray:
    """Returns [N] the highest summit of each one's mode, given the paths and their saddles."""
    parents = np.arange(len(heights))

    def top_of(index: int) -> int:
        while parents[index] != index:
            index = int(parents[index])
        return index

    for way in np.argsort(-saddles, kind="stable"):
        first, second = top_of(int(starts[way])), top_of(int(ends[way]))
        low, high = sorted((first, second), key=lambda top: heights[top])
        if low != high and heights[low] - saddles[way] < min_dip:
            parents[low] = high
    return np.array([top_of(index) for index in range(len(heights))])


def _distances(points: np.ndarray, precisions: np.ndarray) -> np.ndarray:
    """Returns [N, N] squared Mahalanobis distances under the wider of the two Gaussians."""
    rows = []
    for point, precision in zip(points, precisions, strict=True):
        offsets = points - point
        scaled = offsets * precision if precision.ndim == 1 else offsets @ precision
        rows.append(np.sum(scaled * offsets, axis=1))
    squares = np.stack(rows)
    return np.minimum(squares, squares.T)


def _neighbours(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns pairs of neighbours that connect all points."""
    near = np.argsort(distances, axis=1, kind="stable")[:, : _NEIGHBOURS + 1]
    is_pair = np.zeros(distances.shape, bool)
    np.put_along_axis(is_pair, near, True, axis=1)
    for first, second in _spanning_tree(distances):
        is_pair[first, second] = True
    starts, ends = np.nonzero(np.triu(is_pair | is_pair.T, 1))
    return starts, ends


def _spanning_tree(distances: np.ndarray) -> list[tuple[int, int]]:
    """Returns the pairs of the minimum spanning tree, by Prim's algorithm."""
    outside = np.arange(1, len(distances))
    nearest = np.zeros(len(distances), int)  # nearest point of the tree
    pairs = []
    while len(outside):
        index = int(np.argmin(distances[nearest[outside], outside]))
        new = int(outside[index])
        pairs.append((int(nearest[new]), new))
        outside = np.delete(outside, index)
        closer = distances[new, outside] < distances[nearest[outside], outside]
        nearest[outside[closer]] = new
    return pairs
