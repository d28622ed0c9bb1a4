"""Neal's funnel: one coordinate is the log variance of all the others."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_int, require_num_samples
from gmmvi_jax.typing import Array, PRNGKey

# Neal, "Slice sampling" (Annals of Statistics 2003), section 8; in 10-D in Blessing et al., "Beyond
# ELBOs" (ICML 2024).
DIM = 10
WIDTH_SCALE = 3.0


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Funnel:
    """x_1 ~ N(0, 3^2), and given it x_2, ..., x_D ~ N(0, exp(x_1)), normalised.

    The neck (x_1 small) is narrow by orders of magnitude and holds as much mass as the mouth. The
    density is highest far out in the neck, at x_1 = -4.5 (D - 1), where there is no mass: that
    point says nothing about a fit, so the target has no ``modes``.
    """

    name: str = dataclasses.field(metadata={"static": True})
    dim: int = dataclasses.field(default=DIM, metadata={"static": True})  # D

    @property
    def prior_mean(self) -> float:
        """The mean of every coordinate."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """The standard deviation of the first coordinate, the scale of the neck's length."""
        return WIDTH_SCALE

    @property
    def initial_covariance(self) -> float:
        """Initial components are as long as the neck, and about as wide as the mouth."""
        return WIDTH_SCALE**2

    @property
    def log_z(self) -> float:
        """The density is normalised."""
        return 0.0

    def __call__(self, x: Array) -> Array:
        """Returns the log density at ``x`` [D], a scalar of its dtype."""
        log_variance = x[0]
        # Scale before squaring: exp(-x_1) would overflow at half the depth of the neck.
        residuals = x[1:] * jnp.exp(-0.5 * log_variance)
        log_neck = -0.5 * (log_variance / WIDTH_SCALE) ** 2 - math.log(WIDTH_SCALE)
        log_rest = -0.5 * (jnp.sum(residuals**2) + (self.dim - 1) * log_variance)
        return log_neck + log_rest - 0.5 * self.dim * math.log(2 * math.pi)

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, D] in JAX's default precision."""
        require_num_samples(num_samples, least=0)
        noise = jax.random.normal(typed_key(rng_key), (num_samples, self.dim))
        log_variances = WIDTH_SCALE * noise[:, :1]
        rest = jnp.exp(0.5 * log_variances) * noise[:, 1:]
        return jnp.concatenate([log_variances, rest], axis=1)


def funnel(dim: int = DIM) -> Funnel:
    """Returns Neal's funnel in ``dim`` dimensions; 10 is the benchmark's.

    Raises:
        ValueError: ``dim`` is less than 2.
    """
    require_int("dim", dim)
    if dim < 2:
        raise ValueError(f"dim must be at least 2 (a neck and what it scales), got {dim}")
    return Funnel("funnel", dim)
