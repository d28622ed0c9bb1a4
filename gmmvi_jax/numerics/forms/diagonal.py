"""Diagonal covariances, by their standard deviations [D]."""

import dataclasses
from typing import Any

import jax.numpy as jnp

from gmmvi_jax.numerics.forms import array_steps
from gmmvi_jax.numerics.forms.record import CentredPoints, Gaussian, Moments
from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True)
class Diagonal:
    """See ``Form``. Of Hessians there is the diagonal, [D]."""

    empty_hessians = staticmethod(array_steps.empty_hessians)
    empty_rest = staticmethod(array_steps.empty_rest)
    squared_norm = staticmethod(array_steps.squared_norm)
    trust_region_step = staticmethod(array_steps.trust_region_step)
    direct_step = staticmethod(array_steps.direct_step)

    @property
    def title(self) -> str:
        """What covariances of the form are called."""
        return "diagonal"

    def num_floats(self, dim: int) -> int:
        """Returns the size of two factors."""
        return 2 * dim

    def num_samples(self, dim: int) -> int:
        """Returns 100: every sample says something about every entry."""
        del dim
        return 100

    def factor(self, deviations: Array) -> Array:
        """Returns the standard deviations."""
        return deviations

    def stored(self, factors: Array) -> Array:
        """Returns them as they are."""
        return factors

    def public(self, factors: Array) -> Array:
        """Returns them as they are."""
        return factors

    def widened(self, factors: Any, widths: Any) -> Any:
        """Returns the products."""
        return widths[:, None] * factors

    def inverse(self, factor: Array) -> Array:
        """Returns the reciprocals."""
        return 1.0 / factor

    def isotropic(self, dim: int, deviation: Array) -> tuple[Array, Array]:
        """Returns equal standard deviations."""
        unit = jnp.ones(dim, deviation.dtype)
        return unit * deviation, unit / deviation

    def whiten(self, gaussian: Gaussian, points: CentredPoints) -> Array:
        """Returns the points in standard deviations."""
        shift = gaussian.mean - points.centre
        return (points.columns[:-1] - shift[:, None]) * gaussian.inverse_factor[:, None]

    def log_determinant(self, gaussian: Gaussian) -> Array:
        """Returns the sum of the logs."""
        return jnp.sum(jnp.log(gaussian.inverse_factor))

    def whitening_error(self, gaussian: Gaussian) -> Array:
        """Returns it exactly."""
        return jnp.max(gaussian.inverse_factor * (jnp.abs(gaussian.mean) + gaussian.factor))

    def colour(self, factor: Array, noise: Array) -> Array:
        """Returns the noise times the standard deviations."""
        return noise * factor

    def pull_back(self, block: Gaussian, columns: Array) -> Array:
        """Returns the sum over the block."""
        return jnp.sum(columns * block.inverse_factor[:, :, None], axis=0)

    def precisions(self, block: Gaussian) -> Array:
        """Returns [B, D] their diagonals."""
        return block.inverse_factor**2

    def pull_back_by(self, precisions: Array, columns: Array) -> Array:
        """Returns the sum over the block."""
        return jnp.sum(columns * precisions[:, :, None], axis=0)

    def moments(self, gaussian: Gaussian, weights: Array, columns: Array, slopes: Array) -> Moments:
        """Returns w grad r and the diagonal of w (x - mu) (grad r)^T."""
        weighted = weights * (columns - gaussian.mean[:, None])
        return Moments(product(weights, slopes), jnp.sum(weighted * slopes.T, axis=1), ())

    def estimate(
        self, gaussian: Gaussian, moments: Moments, scale: Array, total: Array
    ) -> tuple[Array, Array]:
        """Returns the estimate; the diagonal of L^T G L needs no whitening."""
        del total
        return scale * (gaussian.factor * moments.gradient), -scale * moments.hessian

    def curvature(self, gaussian: Gaussian, whitened: Array, weights: Array) -> Array:
        """Returns the diagonal [D]."""
        del gaussian
        return product(jnp.square(whitened), weights)

    def unit_hessian(self, gaussian: Gaussian, value: Array) -> Array:
        """Returns the diagonal [D]."""
        return value * jnp.ones_like(gaussian.factor)
