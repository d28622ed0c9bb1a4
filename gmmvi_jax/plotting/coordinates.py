"""Coordinates that pictures have: the numbers of a position, under the user's names."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gmmvi_jax.domains import real
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.lowrank.mixtures import gaussians_of
from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.typing import PyTree

NUM_DRAWS = 20_000  # of the mixture
MOST_NUMBERS = 20_000_000  # that all free coordinates of draws may have


class Coordinate(NamedTuple):
    """A number of a position, or a free coordinate.

    Attributes:
        name: on axes.
        free: the free coordinate that it is, whose density is exact; None where it has a domain.
        value: which number of the position it is; None for the free coordinates of a domain.
    """

    name: str
    free: int | None
    value: int | None

    def of(self, points: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Returns [N] this coordinate of free coordinates [N, D] and their numbers [N, M]."""
        return points[:, self.free] if self.value is None else values[:, self.value]


def as_posterior(given: Any) -> Posterior:
    """Returns what a result or a mixture says of the position.

    Raises:
        TypeError: it is neither, nor a posterior.
    """
    if isinstance(given, Mixture):
        mixture: Any = given
        return Posterior(mixture)
    found = getattr(given, "posterior", given)
    if isinstance(found, Posterior):
        return found
    raise TypeError(
        f"a picture needs a result, its posterior or a mixture (GMM), got {type(given).__name__}."
    )


def numbers_of(posterior: Posterior) -> list[Coordinate]:
    """Returns all numbers of the position."""
    names, layout = posterior.value_names, posterior.layout
    if layout is None:
        return [Coordinate(name, row, row) for row, name in enumerate(names)]
    free: list[int | None] = []
    first = 0
    for domain, shape, size in zip(layout.domains, layout.shapes, layout.sizes, strict=True):
        count = int(np.prod(shape))
        free += range(first, first + size) if domain == real else [None] * count
        first += size
    pairs = zip(names, free, strict=True)
    return [Coordinate(name, own, row) for row, (name, own) in enumerate(pairs)]


def select(posterior: Posterior, given: Sequence[int | str] | None, most: int) -> list[Coordinate]:
    """Returns coordinates by name or index; by default the numbers that vary the most.

    Args:
        posterior: the mixture.
        given: names or indices of numbers of the position, or names of free coordinates.
        most: how many, if none are given.

    Raises:
        TypeError: these are no names or indices.
        ValueError: there is no such coordinate, one is given twice, or none is.
    """
    numbers = numbers_of(posterior)
    if given is None:
        return widest(posterior, numbers, most)
    by_name = {own.name: own for own in _free_coordinates(posterior) + numbers}
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise TypeError(f"coordinates must be a list of names or indices, got {given!r}.")
    found = []
    for one in given:
        if isinstance(one, str):
            if one not in by_name:
                has = ", ".join(own.name for own in numbers)
                raise ValueError(
                    f"there is no coordinate {one!r}{did_you_mean(one, by_name)} It has {has}."
                )
            found.append(by_name[one])
        elif isinstance(one, int | np.integer) and not isinstance(one, bool):
            if not 0 <= one < len(numbers):
                raise ValueError(f"coordinate {one} must lie between 0 and {len(numbers) - 1}.")
            found.append(numbers[one])
        else:
            raise TypeError(f"coordinates must be names or indices, got {one!r}.")
    if not found or len(set(found)) < len(found):
        raise ValueError(f"coordinates must be different ones, and at least one; got {given!r}.")
    return found


def _free_coordinates(posterior: Posterior) -> list[Coordinate]:
    layout = posterior.layout
    if layout is None:
        return []
    names = [*enumerate(layout.names), *enumerate(layout.free_names)]
    return [Coordinate(name, row, None) for row, name in names]


def widest(posterior: Posterior, numbers: Sequence[Coordinate], most: int) -> list[Coordinate]:
    """Returns the numbers with the largest variances, in their order; constants are left out."""
    gmm = posterior.gmm
    weights, means = np.asarray(gmm.weights, float), np.asarray(gmm.means, float)
    second_moments = weights @ (np.asarray(gaussians_of(gmm).variances, float) + means**2)
    spread = second_moments - (weights @ means) ** 2
    if any(own.free is None for own in numbers):
        drawn = draws_of(posterior, numbers)
        variances = np.var(drawn, axis=0, where=np.isfinite(drawn))
    else:
        variances = np.zeros(len(numbers))
    for row, own in enumerate(numbers):
        variances[row] = variances[row] if own.free is None else spread[own.free]
    order = np.argsort(-np.nan_to_num(variances), kind="stable")[:most]
    kept = sorted(row for row in order if numbers[row].free is not None or variances[row] > 0.0)
    return [numbers[row] for row in kept]


def draws_of(posterior: Posterior, coordinates: Sequence[Coordinate]) -> np.ndarray:
    """Returns [N, M] draws of the mixture in some coordinates, always the same."""
    free = [own.free for own in coordinates if own.free is not None]
    if len(free) == len(coordinates):
        return np.asarray(posterior.gmm.marginal(free).sample(0, NUM_DRAWS), float)
    count = min(NUM_DRAWS, MOST_NUMBERS // posterior.gmm.dim)
    return _columns(posterior, np.asarray(posterior.gmm.sample(0, count)), coordinates)


def samples_in(
    posterior: Posterior, samples: PyTree, coordinates: Sequence[Coordinate]
) -> np.ndarray:
    """Returns [N, M] samples, positions or vectors [N, D], in some coordinates.

    Raises:
        ValueError: they have another shape or structure.
    """
    layout, dim = posterior.layout, posterior.gmm.dim
    points = np.asarray(samples if layout is None else layout.ravel(samples))
    if points.ndim != 2 or points.shape[1] != dim:
        raise ValueError(f"samples must have shape [N, {dim}], got {points.shape}.")
    return _columns(posterior, points, coordinates)


def _columns(
    posterior: Posterior, points: np.ndarray, coordinates: Sequence[Coordinate]
) -> np.ndarray:
    values = posterior.values(points)
    return np.stack([own.of(points, values) for own in coordinates], axis=1).astype(float)
