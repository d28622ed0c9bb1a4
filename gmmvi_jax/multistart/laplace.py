"""The Gaussian with the target's curvature at a summit (Laplace's approximation)."""

from typing import NamedTuple, Self

import numpy as np

from gmmvi_jax.multistart.climb import Summit
from gmmvi_jax.multistart.counted import CountedDensity
from gmmvi_jax.numerics.host_factor import lower_factor

_STEP = 0.1  # of differences, in standard deviations: small for the curvature, large for rounding
_STEPS_OF_USE = (0.02, 0.5)  # outside of these a difference is repeated with a better step
_LONGEST_STEP = 0.1  # in units of the scale, where the curvature is (almost) zero
_LEAST_CURVATURE = 1e-4  # a Gaussian is at most a hundred times as wide as the scale
_MOST_CURVATURE = 1e14
_FLAT = 1e-2  # curvature up to which its noise, seen from the asymmetry, makes it flat
_SECANT_FACTORS = (0.25, 16.0)  # bounds of the change of a curvature at a time
_MOST_SECANTS = 4
_LACKING = 10.0  # nats, over 10 + D: by more a Gaussian is wrong that is at a summit
_HOPELESS = 100.0  # the same, of one on a ridge, however it is curved
_MOST_ROUNDING = 0.3  # standard deviations; with more, rounding alone makes valleys
_NUM_PAIRS = 5  # of draws for the ELBO, each with its mirror image


class Laplace(NamedTuple):
    """A Gaussian at a summit, in the coordinates of the density."""

    summit: Summit
    mean: np.ndarray  # [D] a Newton step from the summit
    factor: np.ndarray  # [D, D] lower triangular, of the covariance
    root: np.ndarray  # [D, D] whose product with x - mean is white
    elbo: float  # of this Gaussian alone, in these coordinates; a few draws
    has_kink: bool = False  # so that the gradient at the summit is not zero

    def squared_distance(self, point: np.ndarray) -> float:
        """Returns the squared Mahalanobis distance of a point [D]."""
        return float(np.sum(np.square(self.root @ (point - self.mean))))

    def expected(self, point: np.ndarray) -> float:
        """Returns how high the log density of the target should be at a point [D]."""
        return self.summit.value - 0.5 * self.squared_distance(point)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Returns [N] the log density of the Gaussian at points [N, D]."""
        squares = np.sum(np.square((points - self.mean) @ self.root.T), axis=1)
        return -0.5 * squares - self._log_volume

    @property
    def _log_volume(self) -> float:
        return 0.5 * len(self.mean) * float(np.log(2.0 * np.pi)) + self.log_width

    @property
    def log_width(self) -> float:
        """Returns the logarithm of the product of the standard deviations along the axes."""
        return float(np.log(np.diag(self.factor)).sum())

    @property
    def log_evidence(self) -> float:
        """Laplace's approximation of log Z; above the ELBO by as much as the Gaussian is wrong."""
        return self.summit.value + self._log_volume

    @property
    def log_mass(self) -> float:
        """What the summit may hold: a Gaussian that fits badly says little of it by its ELBO."""
        return max(self.elbo, self.log_evidence)

    def placed(self, density: CountedDensity) -> tuple[np.ndarray, np.ndarray]:
        """Returns its mean [D] and its factor [D, D] in the coordinates of the target.

        Args:
            density: in whose coordinates it was found.
        """
        return density.centre + density.scale * self.mean, density.scale[:, None] * self.factor

    def is_resolved(self, density: CountedDensity) -> bool:
        """Returns whether the float type tells how narrow the target is here.

        In the neck of a hierarchy it may not: differences are those of rounding then, and so is the
        Gaussian, too narrow for the float type (``numerics.gaussian.whitening_error``), or much too
        wide for the target.

        Args:
            density: in whose coordinates it was found.
        """
        mean, factor = self.placed(density)
        reach = np.abs(mean) + np.linalg.norm(factor, axis=1)
        moved = np.finfo(density.dtype).eps * np.max(np.abs(self.root / density.scale) @ reach)
        return bool(moved < _MOST_ROUNDING and self._lacking < _HOPELESS)

    @property
    def is_at_summit(self) -> bool:
        """Returns whether the climb came within a standard deviation of where it is flat.

        In a neck it may seem so, where the Gaussian is wider than the target is.
        """
        is_flat = float(np.linalg.norm(self.factor.T @ self.summit.gradient)) < 1.0
        return (is_flat or self.has_kink) and self._lacking < _LACKING

    @property
    def _lacking(self) -> float:
        """Returns the nats by which the Gaussian is wrong, over 10 + D."""
        if not np.isfinite(self.elbo):  # no draw is inside of an edge, which says nothing
            return 0.0
        return (self.log_evidence - self.elbo) / (10.0 + len(self.mean))

    @classmethod
    def at(cls, summit: Summit, density: CountedDensity, generator: np.random.Generator) -> Self:
        """Returns the Gaussian at a summit; takes an evaluation per dimension, or two, and ten.

        Directions without curvature, or with the wrong sign of it, get the width of the scale.
        """
        hessian = _negative_hessian(summit, density)
        asymmetry = hessian - hessian.T  # of rounding, and of steps that were too long
        sizes, axes = np.linalg.eigh(0.5 * (hessian + hessian.T))
        noise = min(float(np.linalg.norm(asymmetry)), _FLAT)
        noise += np.finfo(np.float32).eps * sizes[-1]
        sizes = np.where(sizes > noise, np.clip(sizes, _LEAST_CURVATURE, _MOST_CURVATURE), 1.0)
        sizes = _secant_curvatures(summit, sizes, axes, density)
        root = np.sqrt(sizes)[:, None] * axes.T
        shift = (axes / np.sqrt(sizes)).T @ summit.gradient  # of the mean, in standard deviations
        shift /= max(float(np.linalg.norm(shift)), 1.0)
        mean = summit.point + (axes / np.sqrt(sizes)) @ shift
        mean = mean if np.isfinite(density.value(mean)) else summit.point
        factor = lower_factor((axes / np.sqrt(sizes)).T)
        return cls(summit, mean, factor, root, gaussian_elbo(mean, factor, density, generator))


def _secant_curvatures(
    summit: Summit, sizes: np.ndarray, axes: np.ndarray, density: CountedDensity
) -> np.ndarray:
    """Returns [D] curvatures along the axes that also hold a standard deviation away.

    Where the density falls by more than half a nat there, as off a curved ridge, the Gaussian
    becomes narrower, else wider.
    """
    sizes = np.array(sizes)
    for row in range(len(sizes)):
        axis = axes[:, row]
        for _ in range(_MOST_SECANTS):
            offset = axis / np.sqrt(sizes[row])
            values = [density.value(summit.point + sign * offset) for sign in (1.0, -1.0)]
            drop = summit.value - 0.5 * sum(values)
            factor = float(np.clip(2.0 * drop, *_SECANT_FACTORS))
            sizes[row] *= factor
            if factor < _SECANT_FACTORS[1]:
                break
    return np.maximum(sizes, _LEAST_CURVATURE)


def gaussian_elbo(
    mean: np.ndarray, factor: np.ndarray, density: CountedDensity, generator: np.random.Generator
) -> float:
    """Returns the ELBO of a Gaussian; with an edge, of what lies inside (a bound on log Z)."""
    noise = generator.normal(size=(_NUM_PAIRS, len(mean)))
    noise = np.concatenate([noise, -noise])
    log_q = -0.5 * np.sum(np.square(noise), axis=1) - 0.5 * len(mean) * np.log(2.0 * np.pi)
    log_q -= np.sum(np.log(np.diag(factor)))
    ratios = np.array([density.value(mean + factor @ row) for row in noise]) - log_q
    inside = np.isfinite(ratios)
    if not inside.any():
        return -np.inf
    return float(np.mean(ratios[inside]) + np.log(np.mean(inside)))


def _negative_hessian(summit: Summit, density: CountedDensity) -> np.ndarray:
    """Returns [D, D] differences of the gradient along the axes."""
    dim = len(summit.point)
    hessian = np.empty((dim, dim))
    curvatures = np.diag(summit.precision)
    for axis in range(dim):
        step = _step_for(curvatures[axis])
        row = _difference(summit, density, axis, step)
        length = step * np.sqrt(max(row[axis], 0.0))  # in standard deviations
        least, most = _STEPS_OF_USE
        if (not least <= length <= most and step < _LONGEST_STEP) or length > most:
            row = _difference(summit, density, axis, _step_for(row[axis]))
        hessian[axis] = row
    return np.where(np.isfinite(hessian), hessian, 0.0)


def _step_for(curvature: float) -> float:
    return min(_STEP / np.sqrt(max(float(curvature), 1e-30)), _LONGEST_STEP)


def _difference(summit: Summit, density: CountedDensity, axis: int, step: float) -> np.ndarray:
    """Returns [D] a row of the negative Hessian; zeros where the other point has no gradient."""
    for sign in (1.0, -1.0):
        point = np.array(summit.point)
        point[axis] += sign * step
        value, gradient = density(point)
        if np.isfinite(value):
            return -sign * (gradient - summit.gradient) / step
    return np.zeros_like(summit.point)
