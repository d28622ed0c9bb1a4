"""The public mixture of Gaussians of low rank plus diagonal: exact and differentiable.

What it shares with a mixture of other Gaussians is in ``gmm.base``; the algebra of one factor is in
``numerics.forms.low_rank_factor``.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.gmm.checks import check_dims, check_given
from gmmvi_jax.gmm.files import LOW_RANK_FORMAT, load_arrays, save_mixture
from gmmvi_jax.lowrank.checks import check_parameters
from gmmvi_jax.lowrank.conditioning import conditionals
from gmmvi_jax.lowrank.conversion import factors_of_loadings, factors_of_mixture
from gmmvi_jax.numerics.forms.low_rank_factor import (
    LowRankFactor,
    covariance_rows,
    log_determinant,
    row_variances,
    shrink,
    stretch,
)
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.requirements import require, require_array, require_int
from gmmvi_jax.typing import Array, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LowRankGMM(Mixture):
    """A mixture of K Gaussians in D dimensions, with covariances of rank R plus diagonal.

    A pytree that passes through ``jax.jit``, ``jax.grad`` and ``jax.vmap``. Densities and samples
    take K D R numbers and operations per point, where those of a ``GMM`` take K D^2. The
    constructor does not check its arguments; ``from_moments`` does.

    Attributes:
        log_weights: [K] log of the weights, normalised; -inf is a weight of 0.
        means: [K, D].
        factors: of the covariances L L^T, with L = diag(d) (I + Q diag(a) Q^T): ``scale`` [K, D] d,
            ``basis`` [K, D, R] orthonormal columns Q, ``excess`` [K, R] a, above -1. Where a is
            negative a direction is narrower than the diagonal says, and the precision has low rank.

    Example:
        >>> means, loadings = jnp.zeros((1, 1000)), jnp.ones((1, 1000, 3)).at[:, ::2, 1:].set(0.0)
        >>> gmm = LowRankGMM.from_moments([1.0], means, jnp.ones((1, 1000)), loadings)
        >>> gmm
        LowRankGMM(num_components=1, dim=1000, rank-3, float32)
        >>> gmm.marginal([0, 999]).covariance().shape
        (2, 2)
    """

    factors: LowRankFactor  # pyright: ignore[reportIncompatibleVariableOverride]

    @classmethod
    def from_moments(
        cls, weights: ArrayLike, means: ArrayLike, variances: ArrayLike, loadings: ArrayLike
    ) -> "LowRankGMM":
        """Returns the mixture with covariances diag(variances_k) + loadings_k loadings_k^T.

        Args:
            weights: [K], not negative; need not sum to 1.
            means: [K, D].
            variances: [K, D], positive: those that the loadings do not explain.
            loadings: [K, D, R].

        Raises:
            ValueError: the shapes do not match, or a value cannot be right. Under a transformation
                only the shapes are checked.
        """
        arrays = {
            "weights": require_array("weights", weights),
            "means": require_array("means", means),
            "variances": require_array("variances", variances),
            "loadings": require_array("loadings", loadings),
        }
        check_parameters(**arrays)
        dtype = jnp.result_type(float, *arrays.values())
        weights, means, variances, loadings = (array.astype(dtype) for array in arrays.values())
        log_weights = jnp.log(weights) - jnp.log(jnp.sum(weights))
        return cls(log_weights, means, factors_of_loadings(variances, loadings))

    @classmethod
    def of(cls, mixture: Mixture, rank: int) -> "LowRankGMM":
        """Returns the mixture with the weights, means and variances of another, of some rank.

        Of each component's covariance, in units of its standard deviations, the directions are kept
        whose variances differ most from 1 (in the sense of the KL); the rest is made diagonal.

        Args:
            mixture: a ``GMM`` or a ``LowRankGMM``.
            rank: R, from 1 to D - 1.
        """
        require(
            isinstance(mixture, GMM | LowRankGMM),
            f"mixture must be a GMM or a LowRankGMM, got {type(mixture).__name__}.",
        )
        require_int("rank", rank, 1, mixture.dim - 1)
        factors = factors_of_mixture(mixture.means, mixture.factors, rank)
        return cls(mixture.log_weights, mixture.means, factors)

    @property
    def rank(self) -> int:
        """The rank R."""
        return self.factors.rank

    @property
    def variances(self) -> Array:
        """[K, D] the variances of the coordinates under each component."""
        return row_variances(self.factors)

    @property
    def covariances(self) -> Array:
        """[K, D, D] the covariances, as full matrices: K D^2 numbers."""
        return jax.vmap(covariance_rows)(self.factors)

    def _log_densities(self) -> Callable[[Array], Array]:
        factors, dim = self.factors, self.dim
        offsets = -log_determinant(factors) - 0.5 * dim * LOG_TWO_PI

        def log_densities(point: Array) -> Array:
            whitened = jax.vmap(shrink)(factors, (point - self.means) / factors.scale)
            values = offsets - 0.5 * jnp.sum(jnp.square(whitened), axis=-1)
            # If all were -inf, logsumexp and softmax would have NaN gradients.
            return jnp.maximum(values, jnp.finfo(values.dtype).min)

        return log_densities

    def _noise(self, key: PRNGKey, components: Array) -> Array:
        return jax.random.normal(key, (len(components), self.dim), self.means.dtype)

    def _place(self, components: Array, noise: Array) -> Array:
        factors, means = self.factors, self.means

        def place(pair: tuple[Array, Array]) -> Array:
            component, vector = pair
            factor = jax.tree.map(lambda array: array[component], factors)
            return means[component] + factor.scale * stretch(factor, vector)

        # In chunks: gathering every sample's factor at once would take [N, D, R].
        chunk = max(1, min(len(noise), 2**19 // (self.dim * self.rank)))
        return jax.lax.map(place, (components, noise), batch_size=chunk)

    def component_entropies(self) -> Array:
        """Returns [K] the differential entropy of each component, in nats."""
        return log_determinant(self.factors) + 0.5 * self.dim * (1.0 + LOG_TWO_PI)

    def variance(self) -> Array:
        """Returns [D] the variances of the mixture, within and between components."""
        centred = self.means - self.mean()[None, :]
        return self._average(self.variances + jnp.square(centred))

    def covariance(self) -> Array:
        """Returns [D, D] the covariance of the mixture; of some coordinates see ``marginal``."""

        def add(total: Array, part: tuple[Array, LowRankFactor]) -> tuple[Array, None]:
            return total + part[0] * covariance_rows(part[1]), None

        return jax.lax.scan(add, self._between(), (self.weights, self.factors))[0]

    def marginal(self, dims: int | Sequence[int]) -> GMM:
        """Returns the mixture of the coordinates ``dims``, in the order given, exactly.

        It has full covariances [K, M, M]: for the few coordinates that matter.

        Args:
            dims: one index, or a sequence of M different ones, counted from 0.

        Raises:
            ValueError: an index is out of range or given twice, or there is none.
        """
        index = jnp.asarray(check_dims(dims, self.dim))
        rows = self.factors._replace(
            scale=self.factors.scale[:, index], basis=self.factors.basis[:, index]
        )
        covariances = jax.vmap(covariance_rows)(rows)
        return GMM(self.log_weights, self.means[:, index], jnp.linalg.cholesky(covariances))

    def conditional(self, dims: int | Sequence[int], values: ArrayLike) -> "LowRankGMM":
        """Returns the mixture of the remaining coordinates, given those in ``dims``, exactly.

        Args:
            dims: one index, or a sequence of M different ones, counted from 0.
            values: [M] the values of these coordinates, in the same order, or a scalar for one;
                ``jax.vmap`` for many.

        Returns:
            The mixture over the other D - M coordinates, in ascending order, of rank R, or D - M if
            that is less. Its weights are proportional to the old weights times the densities of the
            components at ``values``.

        Raises:
            ValueError: an index is out of range or given twice, there is none, none remains, or
                ``values`` has another shape.
        """
        given, rest, point = check_given(dims, values, self.dim)
        parts = conditionals(self.means, self.factors, given, rest, point.astype(self.means.dtype))
        log_weights = jax.nn.log_softmax(self.log_weights + parts.log_density)
        return LowRankGMM(log_weights, parts.mean, parts.factor)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the mixture to exactly ``path``, an .npz archive, atomically.

        Raises:
            FileNotFoundError: the directory does not exist.
        """
        save_mixture(path, self, LOW_RANK_FORMAT)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "LowRankGMM":
        """Returns the mixture that ``save`` wrote, bit for bit.

        Warns if the file holds float64 and JAX rounds it to float32, the default.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not one that ``save`` wrote, or is damaged.
        """
        names = [f"factors.{name}" for name in LowRankFactor._fields]
        arrays = load_arrays(path, ("log_weights", "means", *names), LOW_RANK_FORMAT)
        log_weights, means, *factors = arrays.values()
        return cls(log_weights, means, LowRankFactor(*factors))
