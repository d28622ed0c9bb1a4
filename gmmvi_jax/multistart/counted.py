"""A log density on the host that counts its evaluations."""

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.evaluation import full_density, value_and_gradient
from gmmvi_jax.typing import Array, LogDensity


@jax.jit
def _evaluate(log_target: LogDensity, point: Array) -> Array:
    """Returns [1 + D] value and gradient in one array: a transfer costs as much as a small call."""
    value, gradient = value_and_gradient(full_density(log_target))(point)
    return jnp.concatenate([value[None], gradient])


class CountedDensity:
    """The log density in coordinates z = (x - centre) / scale, one point at a time.

    Where the value or the gradient is not finite the value is -inf.

    Attributes:
        num_evaluations: of the target with its gradient, so far.
    """

    def __init__(self, log_target: LogDensity, centre: np.ndarray, scale: np.ndarray) -> None:
        """Evaluates nothing yet.

        Args:
            log_target: a callable pytree of one point [D], not stochastic, with a gradient.
            centre: [D] origin of the coordinates.
            scale: [D] their units.
        """
        self.num_evaluations = 0
        self.centre, self.scale = np.asarray(centre, float), np.asarray(scale, float)
        self._log_target = log_target
        self._dtype = jnp.result_type(float)

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """Returns the log density at a point [D], and its gradient [D] with respect to z."""
        self.num_evaluations += 1
        point = (self.centre + self.scale * z).astype(self._dtype)
        result = np.asarray(_evaluate(self._log_target, point), float)
        value, gradient = result[0], result[1:] * self.scale
        if not np.isfinite(value) or not np.all(np.isfinite(gradient)):
            return -np.inf, np.zeros_like(gradient)
        return float(value), gradient
