"""The public mixture of Student-t distributions: dense, exact and differentiable.

What it shares with a mixture of Gaussians is in ``gmm.base``; what is computed per component is in
``tmixture.components``.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm import components as gmm_components
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.gmm.checks import check_dims, check_given
from gmmvi_jax.gmm.files import STUDENT_T_FORMAT, load_arrays, save_mixture
from gmmvi_jax.gmm.moments import parameters_from_moments
from gmmvi_jax.numerics import student_t
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.tmixture import components as t_components
from gmmvi_jax.tmixture.checks import NAMES, check_moment, degrees_of
from gmmvi_jax.typing import Array, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TMixture(Mixture):
    """A mixture of K multivariate Student-t distributions in D dimensions.

    A pytree of four arrays that passes through ``jax.jit``, ``jax.grad`` and ``jax.vmap``. All
    results have the dtype of the arrays. The constructor does not check them;
    ``from_parameters`` checks and normalises its arguments.

    The coordinates of a component are dependent, also where its scale matrix is diagonal: its
    density is a function of the Mahalanobis distance, not a product. In float32 it does not fall
    further beyond 1e19 scales, where the square of the distance overflows.

    Attributes:
        log_weights: [K] log of the weights, normalised; -inf is a weight of 0.
        means: [K, D] the locations, which are the means where these exist (degrees above 1).
        factors: [K, D, D] lower Cholesky factors of the scale matrices, with positive diagonals
            (the upper triangle is not read); or [K, D] the square roots of diagonal ones.
        degrees: [K] the degrees of freedom, positive; inf is a Gaussian, exactly.

    Example:
        >>> mixture = TMixture.from_parameters([1.0, 3.0], locations=[[0.0, 0.0], [4.0, 0.0]],
        ...                                    scales=[[1.0, 1.0], [1.0, 2.0]], degrees=3.0)
        >>> mixture
        TMixture(num_components=2, dim=2, diagonal, float32)
        >>> mixture.conditional(0, 1.0).degrees
        Array([4., 4.], dtype=float32)
        >>> mixture.sample(jax.random.key(0), 5).shape
        (5, 2)
    """

    degrees: Array

    @classmethod
    def from_parameters(
        cls, weights: ArrayLike, locations: ArrayLike, scales: ArrayLike, degrees: ArrayLike
    ) -> "TMixture":
        """Returns the mixture with the given weights, locations, scale matrices and degrees.

        Args:
            weights: [K], not negative; need not sum to 1. A weight of 0 is -inf in ``log_weights``,
                and has a zero gradient.
            locations: [K, D].
            scales: [K, D, D] the scale matrices, symmetric and positive definite, or [K, D] the
                diagonals of diagonal ones: squares of lengths, as variances are. The covariance is
                degrees / (degrees - 2) times as large, where it exists.
            degrees: [K] the degrees of freedom, or a scalar for all; positive, and may be inf.

        Raises:
            ValueError: the shapes do not match; a value is not finite (but for degrees); a weight
                is negative or all are 0; a scale matrix is not symmetric or not positive definite;
                degrees are not positive. Under a transformation (jit, grad, vmap) only the shapes
                are checked.
        """
        arrays = parameters_from_moments(weights, locations, scales, NAMES)
        return cls(*arrays, degrees=degrees_of(degrees, arrays[1]))

    @classmethod
    def of(cls, gmm: GMM, degrees: ArrayLike) -> "TMixture":
        """Returns the mixture with the weights, means and factors of ``gmm``, and heavier tails.

        The covariances of ``gmm`` become scale matrices; with degrees of inf nothing changes.

        Args:
            gmm: a mixture of Gaussians.
            degrees: [K] or a scalar; see ``from_parameters``.
        """
        if not isinstance(gmm, GMM):
            raise TypeError(f"gmm must be a GMM, got {type(gmm).__name__}.")
        return cls(gmm.log_weights, gmm.means, gmm.factors, degrees_of(degrees, gmm.means))

    @property
    def component_noun(self) -> str:
        """What a component is, in words, with its degrees of freedom or their range."""
        least, most = float(jnp.min(self.degrees)), float(jnp.max(self.degrees))
        freedom = f"{least:.3g}" if least == most else f"{least:.3g} to {most:.3g}"
        return f"Student-t (nu {freedom}) component"

    @property
    def ellipse_noun(self) -> str:
        """What an ellipse at twice a component's factor shows, in words."""
        return "twice their scale"

    @property
    def scale_matrices(self) -> Array:
        """[K, D, D] the scale matrices, as full matrices also where they are diagonal."""
        return gmm_components.covariances(self.means, self.factors)

    @property
    def variances(self) -> Array:
        """[K, D] the variances of the coordinates under each component.

        Raises a ValueError where a component has no more than 2 degrees of freedom, and so none;
        under a transformation its variances are NaN.
        """
        return gmm_components.variances(self.means, self._gaussian_factors("variances"))

    @property
    def covariances(self) -> Array:
        """[K, D, D] the covariances, as full matrices also where they are diagonal.

        Raises a ValueError where a component has no more than 2 degrees of freedom, and so none;
        under a transformation its covariance is NaN.
        """
        return gmm_components.covariances(self.means, self._gaussian_factors("covariances"))

    def _gaussian_factors(self, what: str) -> Array:
        cure = "scale_matrices always exist, as do marginals and their quantiles"
        check_moment(what, self.degrees, 2.0, cure)
        return t_components.gaussian_factors(self.factors, self.degrees)

    def _log_densities(self) -> Callable[[Array], Array]:
        return t_components.log_densities(self.means, self.factors, self.degrees)

    def _noise(self, key: PRNGKey, components: Array) -> Array:
        noise = jax.random.normal(key, (len(components), self.dim), self.means.dtype)
        scales = student_t.noise_scale(jax.random.fold_in(key, 0), self.degrees[components])
        return noise * scales[:, None]

    def component_entropies(self) -> Array:
        """Returns [K] the differential entropy of each component, in nats."""
        return t_components.entropies(self.means, self.factors, self.degrees)

    def mean(self) -> Array:
        """Returns [D] the mean of the mixture.

        Raises:
            ValueError: a component with a weight has no more than 1 degree of freedom, and so no
                mean. Under a transformation the mean is NaN then.
        """
        return self._matched("mean()", 1.0).mean()

    def covariance(self) -> Array:
        """Returns [D, D] the covariance of the mixture, within and between components.

        Raises:
            ValueError: a component with a weight has no more than 2 degrees of freedom, and so no
                covariance. Under a transformation the covariance is NaN then.
        """
        return self._matched("covariance()", 2.0).covariance()

    def expect_linear(self, matrix: ArrayLike, offset: ArrayLike = 0.0) -> Array:
        """Returns [M] the expectation of ``matrix`` x + ``offset``, exactly.

        Args:
            matrix: [M, D].
            offset: a scalar, or [M].

        Raises:
            ValueError: the shapes do not fit, or there is no ``mean``.
        """
        return self._matched("expect_linear()", 1.0).expect_linear(matrix, offset)

    def expect_quadratic(
        self, matrix: ArrayLike, linear: ArrayLike | None = None, constant: ArrayLike = 0.0
    ) -> Array:
        """Returns the expectation of x^T ``matrix`` x + ``linear``^T x + ``constant``, exactly.

        Args:
            matrix: [D, D], need not be symmetric.
            linear: [D], or None for 0.
            constant: a scalar.

        Raises:
            ValueError: the shapes do not fit, or there is no ``covariance``.
        """
        return self._matched("expect_quadratic()", 2.0).expect_quadratic(matrix, linear, constant)

    def to_gmm(self) -> GMM:
        """Returns the mixture of Gaussians with the weights, means and covariances of this one.

        Of all mixtures of Gaussians, the one whose components are closest to those of this one, in
        the sense of the KL from these.

        Raises:
            ValueError: a component with a weight has no more than 2 degrees of freedom, and so no
                covariance. Under a transformation its factor is NaN.
        """
        return self._matched("to_gmm()", 2.0)

    def _matched(self, what: str, least: float) -> GMM:
        """Returns Gaussians with the moments of the components, NaN where there are none.

        Args:
            what: the caller, for an error.
            least: the order of the moments that must exist, 1 or 2.
        """
        # A component without weight does not count, whatever it lacks.
        degrees = jnp.where(self.log_weights == -jnp.inf, jnp.inf, self.degrees)
        instead = "GMM(m.log_weights, m.means, m.factors) has its locations and scale matrices"
        quantiles = "means and scale_matrices always exist, as do quantiles of samples"
        check_moment(what, degrees, least, instead if what == "to_gmm()" else quantiles)
        if least < 2.0:
            means = jnp.where(degrees[:, None] > least, self.means, jnp.nan)
            return GMM(self.log_weights, means, self.factors)
        factors = t_components.gaussian_factors(self.factors, degrees)
        return GMM(self.log_weights, self.means, factors)

    def marginal(self, dims: int | Sequence[int]) -> "TMixture":
        """Returns the mixture of the coordinates ``dims``, in the order given.

        Args:
            dims: one index, or a sequence of M different ones, counted from 0.

        Raises:
            ValueError: an index is out of range or given twice, or there is none.
        """
        indices = check_dims(dims, self.dim)
        means, factors = gmm_components.marginal(self.means, self.factors, indices)
        return TMixture(self.log_weights, means, factors, self.degrees)

    def conditional(self, dims: int | Sequence[int], values: ArrayLike) -> "TMixture":
        """Returns the mixture of the remaining coordinates, given those in ``dims``.

        Its components have M degrees of freedom more, and the further ``values`` are from a
        component's location, the wider it is.

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
        *arrays, log_densities = t_components.conditional(
            self.means, self.factors, self.degrees, *given
        )
        return TMixture(jax.nn.log_softmax(self.log_weights + log_densities), *arrays)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the mixture to exactly ``path``, an .npz archive, atomically.

        Raises:
            FileNotFoundError: the directory does not exist.
        """
        save_mixture(path, self, STUDENT_T_FORMAT)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "TMixture":
        """Returns the mixture that ``save`` wrote, bit for bit.

        Warns if the file holds float64 and JAX rounds it to float32, the default.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not one that ``save`` wrote, or is damaged.
        """
        names = ("log_weights", "means", "factors", "degrees")
        return cls(**load_arrays(path, names, STUDENT_T_FORMAT))
