"""The target in coordinates where its initial normal distribution is standard normal.

Most methods start from a standard normal, or their step lengths assume one. The ELBO is the same.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.problem import Draw


class PriorCoordinates:
    """z with x = prior_mean + prior_scale z."""

    def __init__(self, target: Any) -> None:
        """Takes mean and scale from the target."""
        self.target = target
        self.dim = target.dim
        self.mean = np.broadcast_to(np.asarray(target.prior_mean, np.float32), (self.dim,))
        self.scale = np.broadcast_to(np.asarray(target.prior_scale, np.float32), (self.dim,))
        self.log_volume = float(np.log(self.scale.astype(np.float64)).sum())

    def log_density(self, z: Any) -> Any:
        """Returns the log density of z [D]: with the volume element."""
        return self.target(jnp.asarray(self.mean) + jnp.asarray(self.scale) * z) + self.log_volume

    def draws(self, sample: Callable[[int, int], tuple[Any, Any]]) -> Draw:
        """Returns the draw function of x for one of z: ``sample(seed, n)`` -> z, log q(z)."""

        def draw(seed: int, num_draws: int) -> tuple[np.ndarray, np.ndarray | None]:
            z, log_q = sample(seed, num_draws)
            points = self.mean + self.scale * np.asarray(z, np.float64)
            if log_q is None:
                return points, None
            return points, np.asarray(log_q, np.float64) - self.log_volume

        return draw
