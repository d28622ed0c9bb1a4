"""Covariances of low rank plus diagonal, for hundreds to thousands of dimensions."""

import dataclasses
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.forms import low_rank_moments, low_rank_step
from gmmvi_jax.numerics.forms.low_rank_factor import (
    LowRankFactor,
    inverse_excess,
    log_determinant,
    row_variances,
    shrink,
    stretch,
)
from gmmvi_jax.numerics.forms.low_rank_moments import LowRankHessian, LowRankRest
from gmmvi_jax.numerics.forms.protocol import zeros_of
from gmmvi_jax.numerics.forms.record import CentredPoints, Gaussian, Moments
from gmmvi_jax.numerics.orthonormal import orthonormal_beside
from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array

# Directions beside those of the covariance in which each step looks for correlations, as in
# randomised subspace iteration (Halko, Martinsson, Tropp, SIAM Review 2011, Section 4.2, take 5 to
# 10 more than the rank).
PROBES = 5


@dataclasses.dataclass(frozen=True)
class LowRank:
    """See ``Form``. Hessians are known in M directions and on the diagonal, ``LowRankHessian``.

    Attributes:
        rank: R directions of each covariance.
        num_probes: M - R more that each step looks at.
    """

    rank: int
    num_probes: int

    trust_region_step = staticmethod(low_rank_step.trust_region_step)
    direct_step = staticmethod(low_rank_step.direct_step)

    @property
    def title(self) -> str:
        """What covariances of the form are called."""
        return f"rank-{self.rank}"

    @property
    def width(self) -> int:
        """The number of directions M."""
        return self.rank + self.num_probes

    def num_floats(self, dim: int) -> int:
        """Returns the size of a factor; its inverse is not stored."""
        return dim * (1 + self.width) + self.rank

    def num_samples(self, dim: int) -> int:
        """Returns 10 for each direction that gradients are regressed on, at least 100."""
        del dim
        return max(100, 10 * self.width)

    def factor(self, deviations: Array) -> LowRankFactor:
        """Returns a factor without correlations."""
        basis = jnp.asarray(first_directions(deviations.shape[0], self.width), deviations.dtype)
        return LowRankFactor(deviations, basis, jnp.zeros(self.rank, deviations.dtype))

    def stored(self, factors: LowRankFactor) -> LowRankFactor:
        """Returns the factors with the directions to look at."""
        return jax.vmap(self._stored)(factors)

    def _stored(self, factor: LowRankFactor) -> LowRankFactor:
        basis = factor.columns
        first = first_directions(basis.shape[0], self.width)
        rest = orthonormal_beside(jnp.asarray(first[:, self.rank :], basis.dtype), basis)
        return factor._replace(basis=jnp.concatenate([basis, rest], axis=1))

    def public(self, factors: LowRankFactor) -> LowRankFactor:
        """Returns the factors without the directions to look at."""
        return factors._replace(basis=factors.columns)

    def widened(self, factors: LowRankFactor, widths: Any) -> LowRankFactor:
        """Returns factors with other scales."""
        return factors._replace(scale=widths[:, None] * factors.scale)

    def inverse(self, factor: LowRankFactor) -> tuple[()]:
        """Returns nothing: the factor is easily inverted."""
        del factor
        return ()

    def isotropic(self, dim: int, deviation: Array) -> tuple[LowRankFactor, tuple[()]]:
        """Returns a factor without correlations, whose directions are still to be found."""
        return self.factor(jnp.broadcast_to(deviation, dim)), ()

    def whiten(self, gaussian: Gaussian, points: CentredPoints) -> Array:
        """Returns (I + Q b Q^T) (x - mu) / d."""
        shift = gaussian.mean - points.centre
        scaled = (points.columns[:-1] - shift[:, None]) / gaussian.factor.scale[:, None]
        return shrink(gaussian.factor, scaled)

    def log_determinant(self, gaussian: Gaussian) -> Array:
        """Returns the sum of the logs of d and of 1 + a, negated."""
        return -log_determinant(gaussian.factor)

    def whitening_error(self, gaussian: Gaussian) -> Array:
        """Returns a bound, in O(D R)."""
        factor = gaussian.factor
        reach = (jnp.abs(gaussian.mean) + jnp.sqrt(row_variances(factor))) / factor.scale
        columns = jnp.abs(factor.columns)
        spread = jnp.abs(inverse_excess(factor)) * product(columns.T, reach)
        return jnp.max(reach + product(columns, spread))

    def colour(self, factor: LowRankFactor, noise: Array) -> Array:
        """Returns d (I + Q a Q^T) z."""
        return factor.scale * stretch(factor, noise.T).T

    def pull_back(self, block: Gaussian, columns: Array) -> Array:
        """Returns the sum over the block."""
        shrunk = jax.vmap(shrink)(block.factor, columns)
        return jnp.sum(shrunk / block.factor.scale[:, :, None], axis=0)

    def precisions(self, block: Gaussian) -> LowRankFactor:
        """Returns diag(1 / d) (I + Q c Q^T) diag(1 / d) as its scales, Q, and c."""
        gains = inverse_excess(block.factor)
        return LowRankFactor(1.0 / block.factor.scale, block.factor.columns, gains * (2.0 + gains))

    def pull_back_by(self, precisions: LowRankFactor, columns: Array) -> Array:
        """Returns the sum over the block."""
        scales = precisions.scale[:, :, None]
        return jnp.sum(scales * jax.vmap(stretch)(precisions, scales * columns), axis=0)

    def empty_hessians(self, gaussians: Gaussian) -> LowRankHessian:
        """Returns [K, D, M] and [K, D] zeros."""
        dim = gaussians.mean.shape[-1]
        return LowRankHessian(
            zeros_of(gaussians.mean, dim, self.width), zeros_of(gaussians.mean, dim)
        )

    def empty_rest(self, gaussians: Gaussian) -> LowRankRest:
        """Returns zeros."""
        dim = gaussians.mean.shape[-1]
        zeros = zeros_of(gaussians.mean, dim)
        return LowRankRest(zeros_of(gaussians.mean, dim, self.width), zeros, zeros)

    def moments(self, gaussian: Gaussian, weights: Array, columns: Array, slopes: Array) -> Moments:
        """Returns sums in whitened coordinates, in O(C D M)."""
        factor = gaussian.factor
        scales = factor.scale[:, None]
        whitened = shrink(factor, (columns - gaussian.mean[:, None]) / scales)
        own_slopes = stretch(factor, scales * slopes.T)
        return Moments(*low_rank_moments.sum_moments(factor.basis, weights, whitened, own_slopes))

    def estimate(
        self, gaussian: Gaussian, moments: Moments, scale: Array, total: Array
    ) -> tuple[Array, LowRankHessian]:
        """Returns regressions, which need no scale: they are self-normalised."""
        del scale
        return low_rank_moments.estimate(gaussian.factor.basis, *moments, total)

    def curvature(self, gaussian: Gaussian, whitened: Array, weights: Array) -> LowRankHessian:
        """Returns the matrix in parts."""
        return low_rank_moments.second_moments(gaussian.factor.basis, whitened, weights)

    def unit_hessian(self, gaussian: Gaussian, value: Array) -> LowRankHessian:
        """Returns the matrix in parts."""
        return low_rank_moments.unit(gaussian.factor.basis, value)

    def squared_norm(self, gaussian: Gaussian, hessian: LowRankHessian) -> Array:
        """Returns it, by the triangle inequality at most twice as large."""
        matrix = low_rank_step.structured(gaussian.factor.basis, hessian)
        return 2.0 * (jnp.sum(jnp.square(matrix.diagonal)) + jnp.sum(jnp.square(matrix.core)))


def low_rank_of(rank: int, dim: int) -> LowRank:
    """Returns the form of a rank, with as many directions to look at as there is room for."""
    return LowRank(rank, min(PROBES, dim - rank))


@lru_cache(maxsize=16)
def first_directions(dim: int, width: int) -> np.ndarray:
    """Returns [D, M] random orthonormal directions, always the same."""
    noise = np.random.default_rng(0).normal(size=(dim, width))
    return np.linalg.qr(noise)[0]
