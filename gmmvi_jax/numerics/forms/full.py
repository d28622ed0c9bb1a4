"""Full covariances, by their lower Cholesky factors [D, D]."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics.forms import array_steps
from gmmvi_jax.numerics.forms.record import CentredPoints, Gaussian, Moments
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.roots import apply_transposed_factor, unit_like
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True)
class Full:
    """See ``Form``. Hessians are symmetric matrices [D, D]."""

    empty_hessians = staticmethod(array_steps.empty_hessians)
    empty_rest = staticmethod(array_steps.empty_rest)
    squared_norm = staticmethod(array_steps.squared_norm)
    trust_region_step = staticmethod(array_steps.trust_region_step)
    direct_step = staticmethod(array_steps.direct_step)

    @property
    def title(self) -> str:
        """What covariances of the form are called."""
        return "full"

    def num_floats(self, dim: int) -> int:
        """Returns the size of two factors."""
        return 2 * dim * dim

    def num_samples(self, dim: int) -> int:
        """Returns 4 D, or 100.

        A Hessian has D (D + 1) / 2 entries, and Stein's estimate of it one random direction per
        sample: below about 4 D samples the improvement rule mostly shrinks stepsizes.
        """
        return max(100, 4 * dim)

    def factor(self, deviations: Array) -> Array:
        """Returns a diagonal matrix."""
        return jnp.diag(deviations)

    def stored(self, factors: Array) -> Array:
        """Returns the lower triangles, all that a public mixture reads."""
        return jnp.tril(factors)

    def public(self, factors: Array) -> Array:
        """Returns them as they are."""
        return factors

    def widened(self, factors: Any, widths: Any) -> Any:
        """Returns the products."""
        return widths[:, None, None] * factors

    def inverse(self, factor: Array) -> Array:
        """Returns L^-1."""
        return solve_triangular(factor, unit_like(factor), lower=True)

    def isotropic(self, dim: int, deviation: Array) -> tuple[Array, Array]:
        """Returns multiples of the identity."""
        unit = jnp.eye(dim, dtype=deviation.dtype)
        return unit * deviation, unit / deviation

    def whiten(self, gaussian: Gaussian, points: CentredPoints) -> Array:
        """Returns [L^-1, -L^-1 (mu - c)] times (x - c, 1)."""
        # Subtracting the offset afterwards would take another pass over the whitened points.
        offset = product(gaussian.inverse_factor, gaussian.mean - points.centre)
        affine = jnp.concatenate([gaussian.inverse_factor, -offset[:, None]], axis=1)
        return product(affine, points.columns)

    def log_determinant(self, gaussian: Gaussian) -> Array:
        """Returns the sum of the logs of the diagonal."""
        return jnp.sum(jnp.log(jnp.diagonal(gaussian.inverse_factor, axis1=-2, axis2=-1)))

    def whitening_error(self, gaussian: Gaussian) -> Array:
        """Returns it exactly."""
        deviation = jnp.sqrt(jnp.sum(gaussian.factor * gaussian.factor, axis=1))
        reach = jnp.abs(gaussian.mean) + deviation
        return jnp.max(product(jnp.abs(gaussian.inverse_factor), reach))

    def colour(self, factor: Array, noise: Array) -> Array:
        """Returns z L^T."""
        return product(noise, factor.T)

    def pull_back(self, block: Gaussian, columns: Array) -> Array:
        """Returns one product over the stacked inverse factors."""
        return _stacked_product(block.inverse_factor, columns)

    def precisions(self, block: Gaussian) -> Array:
        """Returns [B, D, D] L^-T L^-1."""
        roots = block.inverse_factor
        return product(jnp.swapaxes(roots, 1, 2), roots)

    def pull_back_by(self, precisions: Array, columns: Array) -> Array:
        """Returns one product over the stacked precisions, which are symmetric."""
        return _stacked_product(precisions, columns)

    def moments(self, gaussian: Gaussian, weights: Array, columns: Array, slopes: Array) -> Moments:
        """Returns w grad r and w (x - mu) (grad r)^T."""
        weighted = weights * (columns - gaussian.mean[:, None])
        return Moments(product(weights, slopes), product(weighted, slopes), ())

    def estimate(
        self, gaussian: Gaussian, moments: Moments, scale: Array, total: Array
    ) -> tuple[Array, Array]:
        """Returns the estimate, symmetrised.

        G = -sum_n w_n Lambda (x_n - mu) grad r(x_n)^T, so L^T G L = -L^-1 (sum_n w_n (x_n - mu)
        grad r^T) L: what is whitened are the sums, not the samples.
        """
        del total
        gradient = scale * apply_transposed_factor(gaussian.factor, moments.gradient)
        moment = product(product(gaussian.inverse_factor, moments.hessian), gaussian.factor)
        hessian = -scale * moment
        return gradient, 0.5 * (hessian + hessian.T)

    def curvature(self, gaussian: Gaussian, whitened: Array, weights: Array) -> Array:
        """Returns the matrix [D, D]."""
        del gaussian
        return product(weights * whitened, whitened.T)

    def unit_hessian(self, gaussian: Gaussian, value: Array) -> Array:
        """Returns the matrix [D, D]."""
        return value * unit_like(gaussian.factor)


def _stacked_product(matrices: Array, columns: Array) -> Array:
    """Returns [D, C] sum_b A_b^T Y_b, as one product over the stacked matrices.

    Args:
        matrices: [B, D, D] A.
        columns: [B, D, C] Y.
    """
    size, dim, num_points = columns.shape
    return product(matrices.reshape(size * dim, dim).T, columns.reshape(size * dim, num_points))
