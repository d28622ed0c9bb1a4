"""The right log Z: by formula, by quadrature, or by importance sampling in double precision."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.stats
from scipy.special import betaln, gammaln
from scipy.stats import cauchy, norm

from benchmarks.others import densities
from benchmarks.others.densities import DENSITIES
from tests.cases.models import EFFECT_ERRORS, EFFECTS

_student_t: Any = scipy.stats.multivariate_t  # its declared types are those of one dimension
_NUM_STARTS = 20  # of the climbs to the mode
_NUM_DRAWS = 200_000
_FREEDOM = 6.0  # of the Student-t distribution that is drawn from
_ROUNDS = 3  # each with mean and covariance of the last one's weighted draws


class Right(NamedTuple):
    """The right log Z, its standard error, and how it was found."""

    log_z: float
    error: float
    method: str


def right(name: str) -> Right:
    """Returns the right log Z of a density; needs JAX in double precision."""
    if not jax.config.read("jax_enable_x64"):
        raise RuntimeError("Enable jax_enable_x64 first.")
    if name in _EXACT:
        method, value = _EXACT[name]
        return Right(float(value()), 0.0, method)
    return _by_importance(*DENSITIES[name])


def _on_grid(function: Callable[..., np.ndarray], *axes: Sequence[float]) -> float:
    """Returns the log of an integral, by the trapezoid rule (low, high, points) on every axis."""
    grids = [np.linspace(low, high, int(count)) for low, high, count in axes]
    steps = [grid[1] - grid[0] for grid in grids]
    values = function(*np.meshgrid(*grids, indexing="ij"))
    return float(np.logaddexp.reduce(values, axis=None) + np.sum(np.log(steps)))


def _schools() -> float:
    def marginal(mean: np.ndarray, log_sd: np.ndarray) -> np.ndarray:
        prior = norm.logpdf(mean, 0.0, 5.0) + math.log(2.0) + log_sd
        prior = prior + cauchy.logpdf(np.exp(log_sd), 0.0, 5.0)
        for effect, error in zip(EFFECTS, EFFECT_ERRORS, strict=True):
            prior = prior + norm.logpdf(effect, mean, np.hypot(np.exp(log_sd), error))
        return prior

    return _on_grid(marginal, (-40.0, 50.0, 1000), (-25.0, 8.0, 1000))


def _label_switching() -> float:
    numbers = densities.CLUSTERED

    def marginal(log_width: np.ndarray) -> np.ndarray:
        terms = []
        for labels in itertools.product((0, 1), repeat=len(numbers)):
            mine = np.array(labels)
            count = mine.sum()
            term = betaln(count + 0.5, len(numbers) - count + 0.5) - math.log(math.pi)
            term = term + norm.logpdf(log_width, 0.0, 2.0)
            for label in (0, 1):  # numbers of one location, which is N(0, 10^2)
                own = numbers[mine == label]
                variance = np.exp(2.0 * log_width)
                precision = len(own) / variance + 0.01
                exponent = (np.sum(own) / variance) ** 2 / precision - np.sum(own**2) / variance
                term = term + 0.5 * (exponent - np.log(100.0 * precision))
                term = term - 0.5 * len(own) * np.log(2.0 * math.pi * variance)
            terms.append(term)
        return np.logaddexp.reduce(terms, axis=0)

    return _on_grid(marginal, (-10.0, 12.0, 4000))


def _regression() -> float:
    count, size = densities.FEATURES.shape[0], densities.COEFFICIENT_SCALE
    shape, scale = densities.VARIANCE_SHAPE, densities.VARIANCE_SCALE
    spread = np.eye(count) + size**2 * densities.FEATURES @ densities.FEATURES.T
    data = _student_t(np.zeros(count), scale / shape * spread, df=2.0 * shape)
    return data.logpdf(densities.OUTCOMES)


def _pumps() -> float:
    def marginal(log_a: np.ndarray, log_b: np.ndarray) -> np.ndarray:
        a, b = np.exp(log_a), np.exp(log_b)
        value = log_a - a + 0.1 * log_b - b - gammaln(0.1)
        for failures, hours in zip(densities.FAILURES, densities.HOURS, strict=True):
            value = value + a * log_b - gammaln(a) + gammaln(a + failures)
            value = value - (a + failures) * np.log(b + hours)
            value = value + failures * np.log(hours) - gammaln(failures + 1.0)
        return value

    return _on_grid(marginal, (-6.0, 5.0, 1500), (-15.0, 5.0, 1500))


def _gaussian_process() -> float:
    @jax.jit
    def on_points(points: jax.Array) -> jax.Array:
        return jax.lax.map(densities.gaussian_process, points, batch_size=4096)

    def values(*coordinates: np.ndarray) -> np.ndarray:
        points = np.stack([one.ravel() for one in coordinates], axis=1)
        return np.asarray(on_points(jnp.asarray(points)))

    return _on_grid(values, (-5.0, 5.0, 81), (-5.0, 5.0, 81), (-5.0, 4.0, 73))


def _ring() -> float:
    inside = norm.cdf(densities.RING / densities.RING_WIDTH)
    return math.log(math.pi * densities.RING_WIDTH * math.sqrt(2.0 * math.pi) * inside)


_EXACT: dict[str, tuple[str, Callable[[], float]]] = {
    "schools_noncentred": ("quadrature, 2-D", _schools),
    "schools_centred": ("quadrature, 2-D", _schools),
    "label_switching": ("quadrature, 1-D", _label_switching),
    "regression": ("formula", _regression),
    "pumps": ("quadrature, 2-D", _pumps),
    "gaussian_process": ("quadrature, 3-D", _gaussian_process),
    "ring": ("formula", _ring),
}


def _by_importance(log_density: Callable[..., jax.Array], dim: int) -> Right:
    """Draws from a Student-t distribution at the mode, which is adapted to its weighted draws."""
    generator = np.random.default_rng(0)
    value_and_gradient = jax.jit(jax.value_and_grad(log_density))

    def negative(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_gradient(jnp.asarray(x))
        if not np.isfinite(value) or not np.all(np.isfinite(gradient)):
            return 1e10, np.zeros(dim)
        return -float(value), -np.asarray(gradient)

    starts = generator.normal(size=(_NUM_STARTS, dim))
    climbs = [scipy.optimize.minimize(negative, x, jac=True, method="BFGS") for x in starts]
    mean = min(climbs, key=lambda climb: climb.fun).x
    covariance = np.linalg.inv(-np.asarray(jax.hessian(log_density)(jnp.asarray(mean))))
    on_points = jax.jit(lambda points: jax.lax.map(log_density, points, batch_size=1000))
    ratios = np.zeros(0)
    for _ in range(_ROUNDS):
        proposal = _student_t(mean, covariance, df=_FREEDOM, seed=generator)
        points = proposal.rvs(_NUM_DRAWS)
        ratios = np.asarray(on_points(jnp.asarray(points))) - proposal.logpdf(points)
        ratios = np.where(np.isfinite(ratios), ratios, -np.inf)
        weights = np.exp(ratios - np.logaddexp.reduce(ratios))
        mean = weights @ points
        covariance = (points - mean).T @ (weights[:, None] * (points - mean))
    effective = 1.0 / np.sum(np.exp(ratios - np.logaddexp.reduce(ratios)) ** 2)
    error = math.sqrt(1.0 / effective - 1.0 / _NUM_DRAWS)
    log_z = float(np.logaddexp.reduce(ratios) - math.log(_NUM_DRAWS))
    return Right(log_z, error, f"importance sampling, {effective:,.0f} effective draws")
