"""A log-Gaussian Cox process: the intensity of a point process in the unit square."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_int, require_seed
from gmmvi_jax.targets.reference import WithReferenceSamples
from gmmvi_jax.typing import Array

# Moller, Syversveen, Waagepetersen, "Log Gaussian Cox processes" (Scandinavian Journal of
# Statistics 1998), their estimates for 126 pines; as in Heng et al. (Annals of Statistics 2020).
VARIANCE = 1.91
LENGTH_SCALE = 1 / 33
MEAN_COUNT = 126.0
GRID = 16  # 256-D, feasible with full covariances; the published grids are 32 and 40

# On recent GPUs the default precision rounds the factors of a product to 10 bits.


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class LogGaussianCox(WithReferenceSamples):
    """The unnormalised posterior of a log intensity on a grid, given the counts in its cells.

    The log intensity f = m + L x has covariances L L^T, 1.91 exp(-33 distance), and mean m =
    log 126 - 1.91 / 2, so that 126 points are expected; the count of a cell of area a is
    Poisson(a exp(f)). The position x is the whitened field with prior N(0, I), since the scales of
    the field differ by orders of magnitude on fine grids. All constants are included, also that of
    the Poisson distribution (which the papers on samplers omit), so that the integral is the
    evidence of the counts.
    """

    name: str = dataclasses.field(metadata={"static": True})
    counts: np.ndarray | Array  # [D], cell by cell, row after row
    factor: np.ndarray | Array  # [D, D], lower Cholesky factor L of the field's covariance
    log_factorials: float  # sum of log(count!)

    @property
    def dim(self) -> int:
        """The number of cells D."""
        return self.counts.shape[-1]

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn from the prior of the whitened field."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """The standard deviation of the prior."""
        return 1.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as the prior."""
        return 1.0

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at the whitened field ``x`` [D], a scalar of its dtype."""
        counts = jnp.asarray(self.counts, x.dtype)
        log_factorials = jnp.asarray(self.log_factorials, x.dtype)
        log_means = self.log_intensity(x) - math.log(self.dim)  # the cells' area is 1 / D
        log_likelihood = jnp.sum(counts * log_means - jnp.exp(log_means)) - log_factorials
        log_prior = -0.5 * jnp.sum(x**2) - 0.5 * self.dim * math.log(2 * math.pi)
        return log_likelihood + log_prior

    def log_intensity(self, x: Array) -> Array:
        """Returns the log intensity [D], per unit of area, of the whitened field ``x`` [D]."""
        factor = jnp.asarray(self.factor, x.dtype)
        # x comes first: under vmap that is one product of all points with one matrix.
        field = jnp.matmul(x, factor.T, precision=PRECISION)
        return field + (math.log(MEAN_COUNT) - 0.5 * VARIANCE)


def lgcp(grid: int = GRID, seed: int = 0) -> LogGaussianCox:
    """Returns the Cox process on ``grid`` x ``grid`` cells of the unit square, with synthetic data.

    The field and the counts are drawn from the model itself.

    Args:
        grid: cells per side, at least 2: D = grid^2. Its D x D matrix takes 8 D^2 bytes.
        seed: the data. They depend on nothing else, neither JAX's precision nor its generators.

    Raises:
        ValueError: ``grid`` is less than 2 or ``seed`` is no integer from 0 to 2**32 - 1.
    """
    require_int("grid", grid, most=1000)
    if grid < 2:
        raise ValueError(f"grid must be at least 2 (cells per side), got {grid}")
    require_seed("seed", seed)
    sides = np.arange(grid) / grid
    cells = np.stack(np.meshgrid(sides, sides, indexing="ij"), axis=-1).reshape(-1, 2)  # [D, 2]
    distances = np.linalg.norm(cells[:, None] - cells[None], axis=-1)
    factor = np.linalg.cholesky(VARIANCE * np.exp(-distances / LENGTH_SCALE))

    generator = np.random.Generator(np.random.PCG64(seed))
    field = math.log(MEAN_COUNT) - 0.5 * VARIANCE + factor @ generator.normal(size=grid**2)
    counts = generator.poisson(np.exp(field) / grid**2).astype(np.float64)
    log_factorials = sum(math.lgamma(count + 1) for count in counts)
    return LogGaussianCox("lgcp", counts, factor, log_factorials)
