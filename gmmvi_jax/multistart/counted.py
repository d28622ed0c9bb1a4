"""Log densities on the host that count their evaluations: with a gradient, and without one."""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.evaluation import (
    evaluate_chunk,
    full_density,
    has_gradient,
    value_and_gradient,
)
from gmmvi_jax.densities.on_host import on_host
from gmmvi_jax.typing import Array, LogDensity

_FIRST_STEP = 0.03  # of differences, in units of the scale
_STEPS = (1e-5, 0.1)
_FASTEST = 4.0  # change of a step at a time
_BEND = 0.1  # nats that the curvature should change the value by over a step
_NOISE = 100.0  # or so many units of rounding, if that is more


class CountedDensity(Protocol):
    """The log density in coordinates z = (x - centre) / scale, one point at a time.

    Where the value or the gradient is not finite the value is -inf.

    Attributes:
        centre: [D] origin of the coordinates.
        scale: [D] their units.
        dtype: in which the target is evaluated.
        num_evaluations: of the target so far; one with its gradient counts as one.
    """

    centre: np.ndarray
    scale: np.ndarray
    dtype: np.dtype[Any]
    num_evaluations: int

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """Returns the log density at a point [D], and its gradient [D] with respect to z."""
        ...

    def value(self, z: np.ndarray) -> float:
        """Returns the log density at a point [D]."""
        ...


def counted_density(
    log_target: LogDensity, centre: np.ndarray, scale: np.ndarray
) -> CountedDensity:
    """Returns the density with gradients, or with differences if the target has none.

    Args:
        log_target: a callable pytree of one point [D], not stochastic.
        centre: [D] origin of the coordinates.
        scale: [D] their units.
    """
    kind = _Differentiable if has_gradient(log_target) else _Differenced
    return kind(log_target, np.asarray(centre, float), np.asarray(scale, float))


@jax.jit
def _evaluate(log_target: LogDensity, point: Array) -> Array:
    """Returns [1 + D] value and gradient in one array: a transfer costs as much as a small call."""
    value, gradient = value_and_gradient(full_density(log_target))(point)
    return jnp.concatenate([jnp.asarray(value, gradient.dtype)[None], gradient])


class _Differentiable:
    """A density whose gradient is computed with every value; the last point is not repeated."""

    def __init__(self, log_target: LogDensity, centre: np.ndarray, scale: np.ndarray) -> None:
        self.num_evaluations = 0
        self.centre, self.scale = centre, scale
        self._log_target = log_target
        self.dtype = jnp.result_type(float)
        self._last: tuple[np.ndarray, float, np.ndarray] | None = None

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        if self._last is None or not np.array_equal(z, self._last[0]):
            self._last = (np.array(z), *self._computed(z))
        return self._last[1:]

    def _computed(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        self.num_evaluations += 1
        point = (self.centre + self.scale * z).astype(self.dtype)
        result = on_host(_evaluate(self._log_target, point)).astype(float)
        value, gradient = result[0], result[1:] * self.scale
        if not np.isfinite(value) or not np.all(np.isfinite(gradient)):
            return -np.inf, np.zeros_like(gradient)
        return float(value), gradient

    def value(self, z: np.ndarray) -> float:
        return self(z)[0]


@jax.jit
def _evaluate_all(log_target: LogDensity, points: Array) -> Array:
    """Returns [N] the values at points [N, D]; a single call of what runs on the host."""
    count = jnp.asarray(len(points), jnp.int32)
    return evaluate_chunk(jax.random.key(0), full_density(log_target), points, count, False)[0]


class _Differenced:
    """A density without a gradient: central differences, 2 D + 1 evaluations.

    The step along an axis follows the curvature there, as the last differences saw it.
    """

    def __init__(self, log_target: LogDensity, centre: np.ndarray, scale: np.ndarray) -> None:
        self.num_evaluations = 0
        self.centre, self.scale = centre, scale
        self._log_target = log_target
        self.dtype = jnp.result_type(float)
        self._steps = np.full(len(centre), _FIRST_STEP)

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        offsets = np.diag(self._steps)
        values = self._values(z + np.concatenate([np.zeros((1, len(z))), offsets, -offsets]))
        value, above, below = values[0], *np.split(values[1:], 2)
        if not np.all(np.isfinite(values)):
            # Next to an edge there is a value; a gradient there is not.
            return (float(value) if np.isfinite(value) else -np.inf), np.zeros_like(z)
        gradient = (above - below) / (2.0 * self._steps)
        curvatures = np.abs(above + below - 2.0 * value) / np.square(self._steps)
        rounding = float(np.finfo(self.dtype).eps) * abs(value)
        wanted = np.sqrt(max(_BEND, _NOISE * rounding) / np.maximum(curvatures, 1e-30))
        wanted = np.clip(wanted, self._steps / _FASTEST, self._steps * _FASTEST)
        self._steps = np.clip(wanted, *_STEPS)
        return float(value), gradient

    def value(self, z: np.ndarray) -> float:
        value = self._values(z[None])[0]
        return float(value) if np.isfinite(value) else -np.inf

    def _values(self, points: np.ndarray) -> np.ndarray:
        self.num_evaluations += len(points)
        points = (self.centre + self.scale * points).astype(self.dtype)
        return on_host(_evaluate_all(self._log_target, points)).astype(float)
