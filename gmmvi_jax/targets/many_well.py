"""Many wells: pairs of coordinates, each with a double well of its own."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_int, require_num_samples
from gmmvi_jax.typing import Array, PRNGKey

# Noé et al., "Boltzmann generators" (Science 2019), 2-D; many of them side by side, and 32-D, in
# Midgley et al., "Flow annealed importance sampling bootstrap" (ICLR 2023).
DIM = 32
# Coefficients of the first coordinate's log density: u / 2 + 6 u^2 - u^4.
LINEAR, QUADRATIC, QUARTIC = 0.5, 6.0, -1.0

MAX_LISTED_WELLS = 16  # 65,536 modes
# At +-3.5 the density is exp(-86) of its maximum.
BOUND, NUM_CELLS = 3.5, 4096


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class ManyWell:
    """D / 2 independent double wells, unnormalised: 2^(D / 2) modes of unequal mass.

    log p~(x) = sum_i u_i / 2 + 6 u_i^2 - u_i^4 - v_i^2 / 2 with u_i = x_{2i-1}, v_i = x_{2i}. In
    each pair the well at u = 1.75 holds 5.4 times the mass of the one at u = -1.71.
    """

    name: str = dataclasses.field(metadata={"static": True})
    dim: int = dataclasses.field(default=DIM, metadata={"static": True})  # D, even

    @property
    def prior_mean(self) -> float:
        """Midway between the wells."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """Wide enough to start in either well."""
        return 2.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as the coordinates without wells."""
        return 1.0

    @property
    def log_z(self) -> float:
        """The log integral by quadrature of the one-dimensional double well, to 14 digits."""
        log_z, _ = _double_well_table()
        return 0.5 * self.dim * (log_z + 0.5 * math.log(2 * math.pi))

    @property
    def modes(self) -> np.ndarray:
        """All modes [2^(D / 2), D], in the order of binary numbers; up to 32-D only."""
        num_wells = self.dim // 2
        if num_wells > MAX_LISTED_WELLS:
            # AttributeError, so that hasattr reports the modes as missing.
            raise AttributeError(
                f"{self.dim}-D many_well has 2^{num_wells} modes, too many to list; up to "
                f"{2 * MAX_LISTED_WELLS}-D they are"
            )
        bits = (np.arange(2**num_wells)[:, None] >> np.arange(num_wells)[::-1]) & 1
        modes = np.zeros((2**num_wells, self.dim))
        modes[:, ::2] = np.array(_wells())[bits]
        return modes

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at ``x`` [D], a scalar of its dtype."""
        u, v = x[::2], x[1::2]
        return jnp.sum(_log_double_well(u) - 0.5 * v**2)

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, D] in JAX's default precision.

        The double wells are drawn by the inverse of a tabulated distribution function; the relative
        error of the samples' density is below 1e-5.
        """
        require_num_samples(num_samples, least=0)
        key_well, key_normal = jax.random.split(typed_key(rng_key))
        shape = (num_samples, self.dim // 2)
        uniform = jax.random.uniform(key_well, shape)
        _, cumulative = _double_well_table()
        edges = np.linspace(-BOUND, BOUND, NUM_CELLS + 1)
        u = jnp.interp(uniform, cumulative.astype(uniform.dtype), edges.astype(uniform.dtype))
        v = jax.random.normal(key_normal, shape)
        return jnp.stack([u, v], axis=-1).reshape(num_samples, self.dim)


def many_well(dim: int = DIM) -> ManyWell:
    """Returns the many-well density in ``dim`` dimensions; 32 is the published one.

    Raises:
        ValueError: ``dim`` is not an even number from 2 on.
    """
    require_int("dim", dim)
    if dim < 2 or dim % 2:
        raise ValueError(f"dim must be even, at least 2 (two coordinates per well), got {dim}")
    return ManyWell("many_well", dim)


def _log_double_well(u):
    """Returns the unnormalised log density of the double well's first coordinate, elementwise."""
    return u * (LINEAR + u * (QUADRATIC + QUARTIC * u**2))


@functools.cache
def _wells() -> tuple[float, float]:
    """Returns the two maxima of the double well."""
    roots = np.sort(np.roots([4 * QUARTIC, 0, 2 * QUADRATIC, LINEAR]).real)
    return float(roots[0]), float(roots[2])  # the middle one is the barrier


@functools.cache
def _double_well_table() -> tuple[float, np.ndarray]:
    """Returns the log integral, and the distribution function [cells + 1] at the cells' edges."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = BOUND / NUM_CELLS  # of a cell's width
    centres = np.linspace(-BOUND, BOUND, 2 * NUM_CELLS + 1)[1::2]
    masses = half * np.exp(_log_double_well(centres[:, None] + half * nodes)) @ weights
    cumulative = np.concatenate([[0.0], np.cumsum(masses)])
    cumulative.flags.writeable = False
    return math.log(cumulative[-1]), cumulative / cumulative[-1]
