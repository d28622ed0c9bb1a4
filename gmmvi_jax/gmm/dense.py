"""The public Gaussian mixture: dense, exact and differentiable.

The mixture in training has spare slots (``mixture.padded.PaddedMixture``); this one has exactly K
components. It is the one to sample from, to differentiate, and to pass to other libraries. What is
computed per component is in ``gmm.components``; what other components would share is in
``gmm.base``.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.gmm import components as gmm_components
from gmmvi_jax.gmm import files as gmm_io
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.gmm.checks import check_dims, check_given, check_shape
from gmmvi_jax.gmm.moments import parameters_from_moments
from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_array
from gmmvi_jax.typing import Array, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GMM(Mixture):
    """A mixture of K Gaussians in D dimensions.

    A pytree of three arrays that passes through ``jax.jit``, ``jax.grad`` and ``jax.vmap``. All
    results have the dtype of the arrays. The constructor does not check them; ``from_moments``
    checks and normalises its arguments.

    Attributes:
        log_weights: [K] log of the weights, normalised; -inf is a weight of 0.
        means: [K, D].
        factors: [K, D, D] lower Cholesky factors of the covariances, with positive diagonals (the
            upper triangle is not read); or [K, D] the standard deviations of diagonal covariances.

    Example:
        >>> gmm = GMM.from_moments([1.0, 3.0], means=[[0.0, 0.0], [4.0, 0.0]],
        ...                        covariances=[[1.0, 1.0], [1.0, 2.0]])
        >>> gmm
        GMM(num_components=2, dim=2, diagonal, float32)
        >>> gmm.marginal(0).weights
        Array([0.25, 0.75], dtype=float32)
        >>> gmm.sample(jax.random.key(0), 5).shape
        (5, 2)
    """

    @classmethod
    def from_moments(cls, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> "GMM":
        """Returns the mixture with the given weights, means and covariances.

        Args:
            weights: [K], not negative; need not sum to 1. A weight of 0 is -inf in ``log_weights``,
                and has a zero gradient.
            means: [K, D].
            covariances: [K, D, D] symmetric and positive definite, or [K, D] the variances of
                diagonal covariances.

        Raises:
            ValueError: the shapes do not match; a value is not finite; a weight is negative or
                all are 0; a covariance is not symmetric or not positive definite. Under a
                transformation (jit, grad, vmap) only the shapes are checked.
        """
        return cls(*parameters_from_moments(weights, means, covariances))

    @property
    def variances(self) -> Array:
        """[K, D] the variances of the coordinates under each component."""
        return gmm_components.variances(self.means, self.factors)

    @property
    def covariances(self) -> Array:
        """[K, D, D] the covariances, as full matrices also where they are diagonal."""
        return gmm_components.covariances(self.means, self.factors)

    def _log_densities(self) -> Callable[[Array], Array]:
        return gmm_components.log_densities(self.means, self.factors)

    def _noise(self, key: PRNGKey, components: Array) -> Array:
        return jax.random.normal(key, (len(components), self.dim), self.means.dtype)

    def component_entropies(self) -> Array:
        """Returns [K] the differential entropy of each component, in nats."""
        return gmm_components.entropies(self.means, self.factors)

    def covariance(self) -> Array:
        """Returns [D, D] the covariance of the mixture, within and between components."""
        between = self._between()
        if self.is_diagonal:
            return between + jnp.diag(self._average(self.variances))
        return between + self._average(self.covariances)

    def expect_quadratic(
        self, matrix: ArrayLike, linear: ArrayLike | None = None, constant: ArrayLike = 0.0
    ) -> Array:
        """Returns the expectation of x^T ``matrix`` x + ``linear``^T x + ``constant``, exactly.

        Args:
            matrix: [D, D], need not be symmetric.
            linear: [D], or None for 0.
            constant: a scalar.

        Raises:
            ValueError: the shapes do not fit.
        """
        matrix, constant = require_array("matrix", matrix), require_array("constant", constant)
        zeros = np.zeros(self.dim, matrix.dtype)
        linear = require_array("linear", zeros if linear is None else linear)
        check_shape("matrix", matrix, (self.dim, self.dim))
        check_shape("linear", linear, (self.dim,))
        check_shape("constant", constant, ())
        quadratics = gmm_components.quadratic_expectations(self.means, self.factors, matrix)
        linears = jnp.matmul(self.means, linear, precision=PRECISION)
        return self._average(quadratics + linears) + constant

    def marginal(self, dims: int | Sequence[int]) -> "GMM":
        """Returns the mixture of the coordinates ``dims``, in the order given.

        Args:
            dims: one index, or a sequence of M different ones, counted from 0.

        Raises:
            ValueError: an index is out of range or given twice, or there is none.
        """
        indices = check_dims(dims, self.dim)
        return GMM(self.log_weights, *gmm_components.marginal(self.means, self.factors, indices))

    def conditional(self, dims: int | Sequence[int], values: ArrayLike) -> "GMM":
        """Returns the mixture of the remaining coordinates, given those in ``dims``.

        Args:
            dims: one index, or a sequence of M different ones, counted from 0.
            values: [M] the values of these coordinates, in the same order, or a scalar for one;
                ``jax.vmap`` for many.

        Returns:
            The mixture over the other D - M coordinates, in ascending order. Its weights are
            proportional to the old weights times the densities of the components at ``values``.

        Raises:
            ValueError: an index is out of range or given twice, there is none, none remains, or
                ``values`` has another shape.
        """
        given = check_given(dims, values, self.dim)
        means, factors, given_factors, whitened = gmm_components.conditional(
            self.means, self.factors, *given
        )
        log_densities = gmm_components.log_densities_from_whitened(given_factors, whitened)
        return GMM(jax.nn.log_softmax(self.log_weights + log_densities), means, factors)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the mixture to exactly ``path``, an .npz archive, atomically.

        Raises:
            FileNotFoundError: the directory does not exist.
        """
        gmm_io.save_mixture(path, self, gmm_io.FORMAT)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GMM":
        """Returns the mixture that ``save`` wrote, bit for bit.

        Warns if the file holds float64 and JAX rounds it to float32, the default.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not one that ``save`` wrote, or is damaged.
        """
        return cls(**gmm_io.load_arrays(path, ("log_weights", "means", "factors"), gmm_io.FORMAT))
