"""Splits the Gaussians of a start that does not fit yet, so that it has enough of them to move."""

import numpy as np

from gmmvi_jax.multistart.counted import CountedDensity
from gmmvi_jax.multistart.laplace import Laplace

_NUM_DRAWS = 100  # for log Z - ELBO of the start
_PER_NAT = 10.0  # components per nat of it
_MOST = 64
_PER_GAUSSIAN = 4  # at least, if they lack anything: their own draws do not see heavy tails
_CLOSE = 0.1  # nats that Gaussians may lack
_WIDTH = 0.75  # of a part, relative to the whole; its mean is a draw from what remains
_EVENLY = 0.5  # share of the parts that go to the Gaussians regardless of their weights


def num_components(
    found: list[Laplace],
    weights: np.ndarray,
    density: CountedDensity,
    generator: np.random.Generator,
) -> int:
    """Returns how many components a fit should start with; takes 100 evaluations.

    Measured (-ELBO at evaluations, with as many components): breast_cancer, where the Gaussians
    lack 11 nats, 78.43 at 50 k (10), 78.32 at 75 k (20), 78.28 at 88 k (40); planar_robot_4, 7
    nats, 13.54 at 56 k (11), 13.02 at 54 k (30), 12.76 at 56 k (60), 12.50 at 91 k (100);
    german_credit, 0.2 nats, 585.127 at 5.0 k (1), 585.119 at 5.0 k (10).

    Args:
        found: the Gaussians at the summits.
        weights: [M] theirs.
        density: the target.
        generator: of the draws.
    """
    origins = generator.choice(len(found), _NUM_DRAWS, p=weights)
    noise = generator.normal(size=(_NUM_DRAWS, len(density.centre)))
    points = np.array(
        [found[o].mean + found[o].factor @ e for o, e in zip(origins, noise, strict=True)]
    )
    log_q = [
        np.log(weight) + one.log_density(points) for one, weight in zip(found, weights, strict=True)
    ]
    log_p = np.array([density(point)[0] for point in points])
    ratios = log_p - np.logaddexp.reduce(log_q, axis=0)
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return len(found)
    gap = np.logaddexp.reduce(ratios) - np.log(len(ratios)) - np.mean(ratios)
    if gap < _CLOSE:
        return len(found)
    count = min(max(_PER_GAUSSIAN * len(found), round(_PER_NAT * gap)), _MOST)
    return max(count, len(found))


def split(
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    count: int,
    density: CountedDensity,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns weights [K], means [K, D] and factors [K, D, D] of more, narrower Gaussians.

    Each is split into parts that together have about its mean and covariance. A part whose mean
    would be outside of the support stays where the whole was; each is an evaluation.

    Args:
        parts: weights [M], means [M, D] and lower triangular factors [M, D, D].
        count: K; nothing happens if it is M.
        density: the target, in the coordinates of the parts.
        generator: of the displacements.
    """
    weights, means, factors = parts
    size, dim = means.shape
    if count <= size:
        return parts
    shares = (1.0 - _EVENLY) * weights + _EVENLY / size
    more = generator.choice(size, count - size, p=shares)
    origins = np.concatenate([np.arange(size), more])
    num_parts = np.bincount(origins, minlength=size)
    is_split = num_parts[origins] > 1
    displacement = np.sqrt(1.0 - _WIDTH**2) * generator.normal(size=(count, dim))
    displacement[~is_split] = 0.0
    places = means[origins] + np.einsum("kij,kj->ki", factors[origins], displacement)
    for row in np.flatnonzero(is_split):
        if not np.isfinite(density(places[row])[0]):
            places[row] = means[origins[row]]
    width = np.where(is_split, _WIDTH, 1.0)
    return weights[origins] / num_parts[origins], places, width[:, None, None] * factors[origins]
