"""What a form of covariances must do."""

from typing import Any, Protocol

import jax.numpy as jnp

from gmmvi_jax.numerics.forms.record import CentredPoints, Gaussian, Moments
from gmmvi_jax.typing import Array, PyTree


class Form(Protocol):
    """How the covariance of a Gaussian is stored, and all that depends on it.

    Written for ONE Gaussian, unless an argument is called a block; L is its factor. A form is
    hashable, and holds nothing but sizes.
    """

    @property
    def title(self) -> str:
        """What covariances of the form are called."""
        ...

    def num_floats(self, dim: int) -> int:
        """Returns how many numbers factor and inverse factor have in ``dim`` dimensions."""
        ...

    def num_samples(self, dim: int) -> int:
        """Returns how many samples Stein's estimate of a Hessian needs."""
        ...

    def factor(self, deviations: Array) -> PyTree:
        """Returns the factor of a diagonal covariance with standard deviations [D]."""
        ...

    def stored(self, factors: PyTree) -> PyTree:
        """Returns the factors [K, ...] of a public mixture as they are stored in training."""
        ...

    def public(self, factors: PyTree) -> PyTree:
        """Returns factors [K, ...] as a public mixture has them."""
        ...

    def widened(self, factors: Any, widths: Any) -> Any:
        """Returns factors [K, ...] times numbers [K]; also of numpy."""
        ...

    def inverse(self, factor: PyTree) -> PyTree:
        """Returns the inverse of a factor, as a Gaussian stores it."""
        ...

    def isotropic(self, dim: int, deviation: Array) -> tuple[PyTree, PyTree]:
        """Returns factor and inverse factor of the covariance deviation^2 I."""
        ...

    def whiten(self, gaussian: Gaussian, points: CentredPoints) -> Array:
        """Returns [D, C] z = L^-1 (x - mean)."""
        ...

    def log_determinant(self, gaussian: Gaussian) -> Array:
        """Returns [] the log determinant of L^-1."""
        ...

    def whitening_error(self, gaussian: Gaussian) -> Array:
        """Returns [] max_i sum_j |L^-1|_ij (|mean_j| + deviation_j), or a bound."""
        ...

    def colour(self, factor: PyTree, noise: Array) -> Array:
        """Returns [C, D] L z, of noise [C, D]."""
        ...

    def pull_back(self, block: Gaussian, columns: Array) -> Array:
        """Returns [D, C] sum_b L_b^-T Y_b, of a block and columns Y [B, D, C]."""
        ...

    def precisions(self, block: Gaussian) -> PyTree:
        """Returns the inverse covariances [B, ...] of a block."""
        ...

    def pull_back_by(self, precisions: PyTree, columns: Array) -> Array:
        """Returns [D, C] sum_b P_b Y_b, of precisions and columns Y [B, D, C]."""
        ...

    def empty_hessians(self, gaussians: Gaussian) -> PyTree:
        """Returns zeros for the whitened Hessians of a stack of Gaussians."""
        ...

    def empty_rest(self, gaussians: Gaussian) -> PyTree:
        """Returns zeros for the ``Moments.rest`` of a stack of Gaussians."""
        ...

    def moments(self, gaussian: Gaussian, weights: Array, columns: Array, slopes: Array) -> Moments:
        """Returns the sums over a chunk of samples.

        Args:
            gaussian: the component.
            weights: [C].
            columns: [D, C] the samples.
            slopes: [C, D] grad r.
        """
        ...

    def estimate(
        self, gaussian: Gaussian, moments: Moments, scale: Array, total: Array
    ) -> tuple[Array, PyTree]:
        """Returns the whitened gradient [D] and Hessian, by Stein's lemma.

        Args:
            gaussian: the component.
            moments: of all samples.
            scale: turns sums into expectations.
            total: the sum of the weights.
        """
        ...

    def curvature(self, gaussian: Gaussian, whitened: Array, weights: Array) -> PyTree:
        """Returns sum_n w_n z_n z_n^T of samples [D, C], as Hessians are stored."""
        ...

    def unit_hessian(self, gaussian: Gaussian, value: Array) -> PyTree:
        """Returns a multiple of the identity, as Hessians are stored."""
        ...

    def squared_norm(self, gaussian: Gaussian, hessian: PyTree) -> Array:
        """Returns [] the sum of the squares of a Hessian's entries."""
        ...

    def trust_region_step(
        self, gaussian: Gaussian, gradient: Array, hessian: PyTree, bound: Array, lowest: Array
    ) -> tuple[Gaussian, Array]:
        """Returns the step I + H / eta, g / eta with the smallest eta in reach, and its KL.

        Args:
            gaussian: the component.
            gradient: [D] whitened g.
            hessian: whitened H.
            bound: largest KL(new || old).
            lowest: smallest eta.
        """
        ...

    def direct_step(
        self, gaussian: Gaussian, gradient: Array, hessian: PyTree, stepsize: Array
    ) -> tuple[Gaussian, Array]:
        """Returns the step I + eps H, eps g, and its KL; NaN where it is no Gaussian."""
        ...


def zeros_of(stack: Array, *shape: int) -> Array:
    """Returns zeros [K, *shape] for a stack of means [K, D]."""
    return jnp.zeros((stack.shape[0], *shape), stack.dtype)
