"""The cases of part c: inputs in float32, functions of the package, right values in float64.

The right values are computed from the inputs as they were rounded, so that only what happens on
the device counts as its error.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics.forms.record import Gaussian, centre_points
from gmmvi_jax.numerics.gaussian import block_log_densities, whiten_block
from gmmvi_jax.numerics.quadratic_features import Quadratic, feature_sum, num_features, ravel
from gmmvi_jax.numerics.ridge_regression import Chunk, normal_matrix, ridge_regression
from gmmvi_jax.numerics.roots import unit_like

CONDITIONS = (1e2, 1e4, 1e6, 1e8, 1e10)
FAR = 1e3  # largest standard deviations from the origin
RIDGE = 1e-12  # relative, as published


@dataclasses.dataclass(frozen=True)
class Case:
    """One set of inputs.

    Attributes:
        name: of the case; of those with the same name the table shows the larger error.
        place: tells them apart.
        function: of the arguments, returns quantity -> values. Cases share it, and so its program.
        arguments: float32.
        errors: quantity -> the function that tells the largest relative error of values.
    """

    name: str
    place: str
    function: Callable[..., dict[str, jax.Array]]
    arguments: tuple
    errors: dict[str, Callable[[np.ndarray], float]]


def covariance_cases(tiny: bool) -> Iterator[Case]:
    """Yields two Gaussians of each condition, at the origin and far from it."""
    dim, num_points = (5, 50) if tiny else (31, 1000)
    for condition in CONDITIONS[::4] if tiny else CONDITIONS:
        for place, distance in (("at 0", 0.0), ("far", FAR)):
            yield covariance_case(place, dim, num_points, condition, distance)


def whiten_by_pair(means: Any, factor: Any, points: Any) -> dict[str, jax.Array]:
    """Returns what a block of two Gaussians with one factor makes of points."""
    inverse_factor = solve_triangular(factor, unit_like(factor), lower=True)
    pair = [jnp.stack([array, array]) for array in (factor, inverse_factor)]
    block = Gaussian(means, *pair)
    whitened = whiten_block(block, centre_points(points, means[0]))
    return {
        "inverse": inverse_factor,
        "whitening": whitened,
        "log density": block_log_densities(block, whitened),
    }


def covariance_case(
    place: str, dim: int, num_points: int, condition: float, distance: float
) -> Case:
    """Returns points of two Gaussians with one covariance, three of its deviations apart."""
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.normal(size=(dim, dim)))[0]
    deviations = np.geomspace(1.0, condition**-0.5, dim)
    factor = np.linalg.cholesky((rotation * deviations**2) @ rotation.T).astype(np.float32)
    exact = factor.astype(np.float64)
    direction = random.normal(size=dim)
    first = distance * direction / np.linalg.norm(direction)
    means = np.stack([first, first + exact @ (3.0 * rotation[0])]).astype(np.float32)
    noise = random.normal(size=(num_points, dim))
    points = (means[random.integers(2, size=num_points)] + noise @ exact.T).astype(np.float32)

    inverse = np.linalg.inv(exact)
    centred = points.astype(np.float64)[None] - means.astype(np.float64)[:, None]
    whitened = np.stack([np.linalg.solve(exact, rows.T) for rows in centred])
    normalizer = -np.sum(np.log(np.diagonal(exact))) - 0.5 * dim * np.log(2.0 * np.pi)
    densities = normalizer - 0.5 * np.sum(whitened**2, axis=1)

    return Case(
        f"condition {condition:.0e}",
        place,
        whiten_by_pair,
        (means, factor, points),
        {
            "inverse": partial(_norm_error, inverse, axis=None),
            "whitening": partial(_norm_error, whitened, axis=1),
            "log density": lambda found: float(
                np.max(np.abs(found - densities) / np.maximum(1.0, np.abs(densities)))
            ),
        },
    )


def gram_cases(tiny: bool) -> Iterator[Case]:
    """Yields the sums of a regression on quadratics, of samples as a component sees them."""
    dim, num_samples = (4, 200) if tiny else (25, 4000)
    for name, spread, offset in (
        ("even weights", 0.0, 0.0),
        ("uneven weights", 3.0, 0.0),
        ("samples 10 off", 0.0, 10.0),
    ):
        yield gram_case(name, dim, num_samples, spread, offset)


def sums_of_regression(
    whitened: Any, weights: Any, responses: Any, means: Any
) -> dict[str, jax.Array]:
    """Returns the sums over samples, and the coefficients that they lead to."""
    chunk = Chunk(whitened, weights, responses)

    def sweep(visit: Callable[[Chunk, Any], Any], initial: Any, /) -> Any:
        return visit(chunk, initial)

    return {
        "feature sums": ravel(feature_sum(whitened, weights, diagonal=False)),
        "Gram matrix": normal_matrix(sweep, means),
        "regression": ravel(ridge_regression(sweep, means, jnp.float32(RIDGE), sweep)),
    }


def gram_case(name: str, dim: int, num_samples: int, spread: float, offset: float) -> Case:
    """Returns samples whose log weights have a spread, and which are off the component's mean."""
    random = np.random.default_rng(1)
    whitened = random.normal(size=(dim, num_samples)).astype(np.float32)
    whitened[0] += np.float32(offset)
    weights = np.exp(spread * random.normal(size=num_samples))
    weights = (weights / weights.sum()).astype(np.float32)
    rows, columns = np.tril_indices(dim)
    exact, exact_weights = whitened.astype(np.float64), weights.astype(np.float64)
    features = np.concatenate([exact[rows] * exact[columns], exact])
    sums = features @ exact_weights
    split = len(rows)
    square = np.zeros((dim, dim))
    square[rows, columns] = sums[:split]
    means = Quadratic(jnp.asarray(square, jnp.float32), jnp.asarray(sums[split:], jnp.float32))
    rounded = np.asarray(ravel(means), np.float64)
    features -= rounded[:, None]
    gram = (exact_weights * features) @ features.T
    scale = np.sqrt(np.outer(np.diagonal(gram), np.diagonal(gram)))
    solution = random.normal(size=num_features(dim, False))
    responses = (solution @ features).astype(np.float32)

    return Case(
        name,
        "",
        sums_of_regression,
        (whitened, weights, responses, means),
        {
            "feature sums": partial(_norm_error, sums, axis=None),
            "Gram matrix": lambda found: float(np.max(np.tril(np.abs(found - gram) / scale))),
            "regression": partial(_norm_error, solution, axis=None),
        },
    )


def _norm_error(exact: np.ndarray, found: np.ndarray, axis: int | None) -> float:
    """Returns the largest of the relative errors of vectors along an axis, by their lengths."""
    error = np.sqrt(np.sum((found - exact) ** 2, axis=axis))
    return float(np.max(error / np.sqrt(np.sum(exact**2, axis=axis))))
