"""Checks of the arguments of a mixture: errors name the argument, its value and the fix."""

import operator
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import ArrayLike

from gmmvi_jax.requirements import require_array
from gmmvi_jax.typing import Array


class Names(NamedTuple):
    """What the arguments of a constructor are called.

    Attributes:
        centres: of [K, D].
        spreads: of the matrices [K, D, D], or their diagonals [K, D].
        diagonals: what such a diagonal is.
        component: a single component.
        of_factors: the call that takes Cholesky factors.
    """

    centres: str = "means"
    spreads: str = "covariances"
    diagonals: str = "variances"
    component: str = "Gaussian"
    of_factors: str = "GMM(log_weights, means, factors)"


def check_moments(weights: Array, means: Array, covariances: Array, names: Names) -> None:
    """Raises a ValueError unless the arguments of ``GMM.from_moments`` are valid.

    Args:
        weights: [K].
        means: [K, D].
        covariances: [K, D, D] or [K, D].
        names: of the arguments.
    """
    _check_shapes(weights, means, covariances, names)
    if any(isinstance(array, Tracer) for array in (weights, means, covariances)):
        return  # values are not known under a transformation
    moments = {"weights": weights, names.centres: means, names.spreads: covariances}
    values = {name: np.asarray(array) for name, array in moments.items()}
    for name, array in values.items():
        if not np.all(np.isfinite(array)):
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name} must be finite, got {name}{list(index)} = {array[index]}")
    _check_weights(values["weights"])
    if covariances.ndim == 2:
        _check_variances(values[names.spreads], names)
    else:
        _check_covariances(values[names.spreads], names)


def _check_shapes(weights: Array, means: Array, covariances: Array, names: Names) -> None:
    centres, spreads, diagonals, component, _ = names
    if means.ndim != 2 or 0 in means.shape:
        raise ValueError(
            f"{centres} must have shape [K, D] with K and D at least 1, got {means.shape}; a "
            f"single {component} has K = 1: pass {centres}[None]"
        )
    num_components, dim = means.shape
    if weights.shape != (num_components,):
        raise ValueError(
            f"weights must have shape ({num_components},), one for each row of {centres}, got "
            f"{weights.shape}"
        )
    full, diagonal = (num_components, dim, dim), (num_components, dim)
    if covariances.shape not in (full, diagonal):
        raise ValueError(
            f"{spreads} must have shape {full}, or {diagonal} for the {diagonals} of diagonal "
            f"{spreads}, to fit {centres} of shape {means.shape}; got {covariances.shape}"
        )


def _check_weights(weights: np.ndarray) -> None:
    if np.any(weights < 0.0):
        index = int(np.argmin(weights))
        raise ValueError(
            f"weights must not be negative, got weights[{index}] = {weights[index]}; logarithms of "
            "weights are exponentiated first"
        )
    if not np.any(weights > 0.0):
        raise ValueError(f"weights must not all be 0, got {weights}; equal weights are all 1")


def _check_variances(variances: np.ndarray, names: Names) -> None:
    if np.any(variances <= 0.0):
        component, index = (int(i) for i in np.argwhere(variances <= 0.0)[0])
        raise ValueError(
            f"{names.spreads} of shape [K, D] are {names.diagonals} and must be positive, got "
            f"{names.spreads}[{component}, {index}] = {variances[component, index]}"
        )


def _check_covariances(covariances: np.ndarray, names: Names) -> None:
    # Relative to the variances; loose, since computed inverses are not exactly symmetric.
    tolerance = float(np.sqrt(np.finfo(covariances.dtype).eps))
    # The decomposition of ``from_moments``; another one may succeed where it fails.
    factors = np.asarray(jnp.linalg.cholesky(covariances))
    own = names.spreads
    for component, covariance in enumerate(covariances):
        scale = np.sqrt(np.abs(np.diagonal(covariance)))
        asymmetry = np.abs(covariance - covariance.T)
        if np.any(asymmetry > tolerance * np.outer(scale, scale)):
            row, column = (int(i) for i in np.unravel_index(np.argmax(asymmetry), asymmetry.shape))
            raise ValueError(
                f"{own} must be symmetric, got {own}[{component}, {row}, {column}] = "
                f"{covariance[row, column]} and {own}[{component}, {column}, {row}] = "
                f"{covariance[column, row]}; if that is rounding, pass the average with the "
                f"transposes; Cholesky factors go to {names.of_factors}"
            )
        if np.any(np.isnan(factors[component])):
            smallest = np.linalg.eigvalsh(covariance.astype(np.float64))[0]
            raise ValueError(
                f"{own} must be positive definite in {covariance.dtype}, got "
                f"{own}[{component}] with smallest eigenvalue {smallest:.6g}; add a small "
                "multiple of the identity, or enable float64"
            )


def check_dims(dims: int | Sequence[int], dim: int) -> list[int]:
    """Returns ``dims`` as a list of distinct indices of ``dim`` coordinates.

    Raises:
        ValueError: an index is out of range or given twice, there are none, or it is a mask.
    """
    indices = list(np.atleast_1d(np.asarray(dims, object)))
    if any(isinstance(index, bool | np.bool_) for index in indices):
        raise ValueError(f"dims must be indices, not a mask, got {dims}: pass np.flatnonzero(mask)")
    try:
        indices = [operator.index(index) for index in indices]
    except TypeError as error:
        raise TypeError(f"dims must be an integer, or several, got {dims!r}") from error
    if not indices:
        raise ValueError("dims must name at least one coordinate, got none")
    if min(indices) < 0 or max(indices) >= dim:
        raise ValueError(
            f"dims must lie between 0 and {dim - 1} for a mixture of {dim} dimensions, got "
            f"{indices}; negative indices do not count from the end"
        )
    if len(set(indices)) < len(indices):
        raise ValueError(f"dims must not repeat a coordinate, got {indices}: name each one once")
    return indices


def check_given(
    dims: int | Sequence[int], values: ArrayLike, dim: int
) -> tuple[list[int], list[int], Array]:
    """Returns M distinct indices, the other D - M ascending, and the values [M] of the first.

    Raises:
        ValueError: an index is out of range or given twice, there is none, none remains, or
            ``values`` has another shape.
    """
    given = check_dims(dims, dim)
    if len(given) == dim:
        raise ValueError(
            f"dims must leave a coordinate to condition, got all {dim}; for the density at a point "
            "call log_prob"
        )
    array = jnp.atleast_1d(require_array("values", values))
    check_shape("values", array, (len(given),))
    return given, sorted(set(range(dim)) - set(given)), array


def check_shape(name: str, array: Array, *allowed: tuple[int | str, ...]) -> None:
    """Raises a ValueError unless the array has one of the shapes.

    Args:
        name: of the argument.
        array: the argument.
        allowed: shapes; a letter stands for any size.
    """
    if any(_fits(array.shape, shape) for shape in allowed):
        return
    # Formatted as tuples, without the quotes around letters.
    wanted = " or ".join(str(shape).replace("'", "") for shape in allowed)
    raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")


def _fits(shape: tuple[int, ...], allowed: tuple[int | str, ...]) -> bool:
    return len(shape) == len(allowed) and all(
        isinstance(wanted, str) or size == wanted
        for size, wanted in zip(shape, allowed, strict=True)
    )
