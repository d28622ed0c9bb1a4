"""Concentric rings in the plane."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_host_array, require_num_samples, require_one_number
from gmmvi_jax.typing import Array, PRNGKey

# Our own settings, since the literature has many: rings with gaps of several widths.
RADII = (1.0, 2.0, 3.0, 4.0)
WIDTH = 0.15
# A smaller ring would extend across the centre, which normaliser and sampler ignore. At six widths
# they ignore 1e-9 of the mass.
MIN_WIDTHS_FROM_CENTRE = 6.0


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Rings:
    """Rings of equal mass around the origin, normalised. Ridges have no modes.

    p(x) = 1/K sum_k exp(-(|x| - r_k)^2 / (2 s^2)) / c_k with c_k = (2 pi)^(3/2) r_k s.
    """

    name: str = dataclasses.field(metadata={"static": True})
    radii: np.ndarray | Array  # [K], r_k
    width: float = WIDTH  # s

    @property
    def dim(self) -> int:
        """Always 2."""
        return 2

    @property
    def prior_mean(self) -> float:
        """The common centre."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """The standard deviation of the outermost ring along an axis."""
        return float(np.max(self.radii)) / math.sqrt(2)

    @property
    def initial_covariance(self) -> float:
        """Initial components are a quarter of the outermost ring wide."""
        return (0.25 * float(np.max(self.radii))) ** 2

    @property
    def log_z(self) -> float:
        """The density is normalised."""
        return 0.0

    def __call__(self, x: Array) -> Array:
        """Returns the log density at ``x`` [2], a scalar; its gradient at 0 counts as 0."""
        radii = jnp.asarray(self.radii, x.dtype)
        width = jnp.asarray(self.width, x.dtype)
        square = jnp.sum(x**2)
        at_centre = square == 0  # the norm has no derivative there
        radius = jnp.where(at_centre, 0, jnp.sqrt(jnp.where(at_centre, 1, square)))
        log_rings = -0.5 * ((radius - radii) / width) ** 2 - jnp.log(radii * width)
        log_normaliser = 1.5 * math.log(2 * math.pi) + math.log(len(radii))
        return jax.nn.logsumexp(log_rings) - log_normaliser

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, 2] in JAX's default precision."""
        require_num_samples(num_samples, least=0)
        key_ring, key_uniform, key_offset = jax.random.split(typed_key(rng_key), 3)
        turn, choice = jax.random.uniform(key_uniform, (2, num_samples))
        offset = jnp.abs(jax.random.normal(key_offset, (num_samples,)))
        radii = jnp.asarray(self.radii, offset.dtype)
        width = jnp.asarray(self.width, offset.dtype)
        ring = radii[jax.random.randint(key_ring, (num_samples,), 0, len(radii))]
        # The density of a radius is the normal density times the radius: an offset is applied
        # outwards or inwards with probabilities proportional to the resulting radii.
        share = 0.5 * (1 + width * offset / ring)
        sign = jnp.where(choice < share, 1, -1)
        radius = ring + width * sign * offset
        angle = 2 * math.pi * turn
        return radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)


def rings(radii: Sequence[float] = RADII, width: float = WIDTH) -> Rings:
    """Returns concentric rings.

    Args:
        radii: of the rings, each at least six times ``width``.
        width: their standard deviation, the same for all.

    Raises:
        ValueError: there is no ring, ``width`` is not positive, or a radius is too small for it.
    """
    array = require_host_array("radii", radii).astype(np.float64)
    require_one_number("width", width)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"radii must be a sequence of at least one number, got {radii!r}")
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    if not np.all(array >= MIN_WIDTHS_FROM_CENTRE * width):
        raise ValueError(
            f"radii must be at least {MIN_WIDTHS_FROM_CENTRE:g} widths ({width}), got {radii!r}; "
            f"take a smaller width"
        )
    return Rings("rings", array, width)
