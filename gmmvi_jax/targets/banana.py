"""The banana: a Gaussian bent along a parabola."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_int, require_num_samples, require_one_number
from gmmvi_jax.typing import Array, PRNGKey

# Haario, Saksman, Tamminen, "Adaptive proposal distribution for random walk Metropolis algorithm"
# (Computational Statistics 1999): standard deviation of the long axis, and the strong bend of
# their pi_2; the moderate one of their pi_1 is 0.03.
LENGTH_SCALE = 10.0
CURVATURE = 0.1


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Banana:
    """A Gaussian whose second coordinate is shifted by a parabola in the first, normalised.

    With z ~ N(0, diag(10^2, 1, ..., 1)): x_1 = z_1, x_2 = z_2 - b (z_1^2 - 10^2), and x_i = z_i
    for the others. The shift preserves volumes, so the constant is that of the Gaussian.
    """

    name: str = dataclasses.field(metadata={"static": True})
    dim: int = dataclasses.field(default=2, metadata={"static": True})  # D
    curvature: float = CURVATURE  # b

    @property
    def prior_mean(self) -> float:
        """The mean of every coordinate."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """The standard deviation of the first coordinate, the banana's length."""
        return LENGTH_SCALE

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as the banana is long."""
        return LENGTH_SCALE**2

    @property
    def log_z(self) -> float:
        """The density is normalised."""
        return 0.0

    @property
    def modes(self) -> np.ndarray:
        """The tip of the banana, where z = 0: [1, D]."""
        mode = np.zeros((1, self.dim))
        mode[0, 1] = float(self.curvature) * LENGTH_SCALE**2
        return mode

    def __call__(self, x: Array) -> Array:
        """Returns the log density at ``x`` [D], a scalar of its dtype."""
        curvature = jnp.asarray(self.curvature, x.dtype)
        along = x[0] / LENGTH_SCALE
        across = x[1] + curvature * LENGTH_SCALE**2 * (along**2 - 1)
        squares = along**2 + across**2 + jnp.sum(x[2:] ** 2)
        return -0.5 * squares - (math.log(LENGTH_SCALE) + 0.5 * self.dim * math.log(2 * math.pi))

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, D] in JAX's default precision."""
        require_num_samples(num_samples, least=0)
        noise = jax.random.normal(typed_key(rng_key), (num_samples, self.dim))
        curvature = jnp.asarray(self.curvature, noise.dtype)
        along, across = noise[:, 0], noise[:, 1]
        bent = across - curvature * LENGTH_SCALE**2 * (along**2 - 1)
        return noise.at[:, 0].multiply(LENGTH_SCALE).at[:, 1].set(bent)


def banana(dim: int = 2, curvature: float = CURVATURE) -> Banana:
    """Returns the banana.

    Args:
        dim: D, at least 2.
        curvature: b; 0 is a Gaussian, 0.03 and 0.1 are the published bends.

    Raises:
        ValueError: ``dim`` is less than 2, or ``curvature`` is no finite number.
    """
    require_int("dim", dim)
    if dim < 2:
        raise ValueError(f"dim must be at least 2 (the banana lies in the first two), got {dim}")
    return Banana("banana", dim, require_one_number("curvature", curvature))
