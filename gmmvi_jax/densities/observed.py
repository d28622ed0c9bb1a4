"""Positions of which some leaves are known."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.domains import Domain, fixed
from gmmvi_jax.domains.periodic import Periodic
from gmmvi_jax.near_names import did_you_mean


def observe(
    layout: PositionLayout, values: Mapping[str, Any]
) -> tuple[PositionLayout, list[int], np.ndarray]:
    """Returns the layout in which some leaves are fixed, and what that says of free coordinates.

    Args:
        layout: of the position.
        values: paths of leaves to their values.

    Returns:
        The layout, whose vectors lack the coordinates of the known leaves; the indices [M] of these
        coordinates in a vector of the old one, and their values [M].

    Raises:
        ValueError: no leaf is given, or one is unknown, an angle, of another shape, or not in its
            domain.
    """
    if not isinstance(values, Mapping) or not values:
        raise ValueError(
            f"values must be a dict from paths of leaves to values, such as "
            f"{{{layout.paths[0]!r}: ...}}; got {values!r}."
        )
    domains = list(layout.domains)
    dims: list[int] = []
    free: list[np.ndarray] = []
    ends = np.cumsum(layout.sizes)
    for path, given in values.items():
        if path not in layout.paths:
            raise ValueError(
                f"values: the position has no {path!r}{did_you_mean(path, layout.paths)} It has "
                f"{', '.join(layout.paths)}."
            )
        row = layout.paths.index(path)
        try:
            value = np.asarray(given, float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"values: {path!r} must be numbers, got {given!r}.") from error
        _check(path, value, layout.shapes[row], domains[row])
        own = np.asarray(layout.domains[row].unconstrain(value, layout.shapes[row]), float)
        free.append(own.ravel())
        dims += range(int(ends[row]) - layout.sizes[row], int(ends[row]))
        domains[row] = fixed(value)
    return dataclasses.replace(layout, domains=tuple(domains)), dims, np.concatenate(free)


def _check(path: str, value: np.ndarray, shape: tuple[int, ...], domain: Domain) -> None:
    if isinstance(domain, Periodic):
        raise ValueError(
            f"values: {path!r} is an angle, of which the mixture has every winding; give gmm."
            f"conditional the one that is meant."
        )
    if value.shape != shape:
        raise ValueError(f"values: {path!r} must have shape {shape}, got {value.shape}.")
    if not domain.contains(value):
        raise ValueError(f"values: {path!r} must be {domain!r}, got {value.tolist()}.")
