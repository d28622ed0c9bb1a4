"""What all public mixtures have, whatever distribution their components follow."""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpy.typing import ArrayLike

from gmmvi_jax.gmm import components as gmm_components
from gmmvi_jax.gmm.checks import check_shape
from gmmvi_jax.numerics.forms.choice import DIAGONAL, form_of_factor
from gmmvi_jax.numerics.forms.protocol import Form
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.requirements import require_array, require_num_samples
from gmmvi_jax.typing import Array, PRNGKey


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Mixture:
    """A mixture of K distributions in D dimensions, each with a centre and a factor of its own.

    A component is where noise of some distribution lands that its factor stretches and its centre
    shifts. A subclass says which noise that is, and what its density is.

    Attributes:
        log_weights: [K] log of the weights, normalised; -inf is a weight of 0.
        means: [K, D] the centres.
        factors: [K, D, D] lower triangular, or [K, D], or of another form.
    """

    log_weights: Array
    means: Array
    factors: Any

    @abstractmethod
    def _log_densities(self) -> Callable[[Array], Array]:
        """Returns the function from ONE point [D] to the log densities of the components [K].

        None of them is -inf: if all were, logsumexp and softmax would have NaN gradients.
        """

    @abstractmethod
    def _noise(self, key: PRNGKey, components: Array) -> Array:
        """Returns [N, D] noise of the components [N], before factors and centres."""

    def _place(self, components: Array, noise: Array) -> Array:
        """Returns [N, D] where noise [N, D] of the components [N] lands."""
        return gmm_components.transform_noise(self.means, self.factors, components, noise)

    @property
    def component_noun(self) -> str:
        """What a component is, in words."""
        return "component"

    @property
    def ellipse_noun(self) -> str:
        """What an ellipse at twice a component's factor shows, in words."""
        return "two standard deviations"

    @property
    def num_components(self) -> int:
        """The number of components K."""
        return self.means.shape[-2]

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return self.means.shape[-1]

    @property
    def is_diagonal(self) -> bool:
        """Whether the matrices of the components are diagonal, and stored as their roots."""
        return self.form == DIAGONAL

    @property
    def form(self) -> Form:
        """The form of the factors."""
        return form_of_factor(self.means, self.factors)

    @property
    def weights(self) -> Array:
        """[K] the weights."""
        return jnp.exp(self.log_weights)

    def log_prob(self, x: ArrayLike) -> Array:
        """Returns [...] the log density at points [..., D].

        The gradient is never NaN at finite points; it is 0 where the log densities of all
        components overflow (1e19 standard deviations away, in float32). Memory grows as K times D
        times the number of points; use ``jax.lax.map`` over chunks for very many points.
        """
        return self._at_points(lambda log_densities: logsumexp(self.log_weights + log_densities), x)

    def component_log_probs(self, x: ArrayLike) -> Array:
        """Returns [..., K] the log densities of the components, without weights, at x [..., D]."""
        return self._at_points(lambda log_densities: log_densities, x)

    def responsibilities(self, x: ArrayLike) -> Array:
        """Returns [..., K] the probability of each component given the point, at x [..., D]."""
        return self._at_points(
            lambda log_densities: jax.nn.softmax(self.log_weights + log_densities), x
        )

    def _at_points(self, summarise: Callable[[Array], Array], x: ArrayLike) -> Array:
        """Maps a function of one point's log densities [K] over points [..., D]."""
        points = require_array("x", x)
        if points.ndim == 0 or points.shape[-1] != self.dim:
            wanted = f"[..., {self.dim}], points along the last axis"
            raise ValueError(f"x must have shape {wanted}, got {points.shape}")
        log_densities = self._log_densities()

        def at_point(point: Array) -> Array:
            return summarise(log_densities(point))

        for _ in points.shape[:-1]:
            at_point = jax.vmap(at_point)
        return at_point(points)

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [N, D]; see ``sample_with_components``."""
        return self.sample_with_components(rng_key, num_samples)[0]

    def sample_with_components(
        self, rng_key: PRNGKey | int, num_samples: int
    ) -> tuple[Array, Array]:
        """Returns independent samples and the components that they are from.

        Given their components, samples are differentiable in all that shapes these; they have no
        gradient in the weights. Memory is a few times that of the samples; a ``vmap`` over keys in
        place of ``num_samples`` takes D times as much.

        Args:
            rng_key: a PRNG key, typed or legacy, or an integer, its seed.
            num_samples: how many, N.

        Returns:
            The samples [N, D], and [N] int32 their components.
        """
        return _sample(self, typed_key(rng_key), require_num_samples(num_samples, least=0))

    def _average(self, values: Array) -> Array:
        """Returns [...] the weighted average of [K, ...] over the components."""
        return jnp.tensordot(self.weights, values, axes=1, precision=PRECISION)

    def mean(self) -> Array:
        """Returns [D] the mean of the mixture."""
        return self._average(self.means)

    def expect_linear(self, matrix: ArrayLike, offset: ArrayLike = 0.0) -> Array:
        """Returns [M] the expectation of ``matrix`` x + ``offset``, exactly.

        Args:
            matrix: [M, D].
            offset: a scalar, or [M].

        Raises:
            ValueError: the shapes do not fit.
        """
        matrix, offset = require_array("matrix", matrix), require_array("offset", offset)
        check_shape("matrix", matrix, ("M", self.dim))
        check_shape("offset", offset, (), matrix.shape[:1])
        return jnp.matmul(matrix, self.mean(), precision=PRECISION) + offset

    def _between(self) -> Array:
        """Returns [D, D] the covariance of the centres."""
        centred = self.means - self.mean()[None, :]
        return jnp.matmul((self.weights[:, None] * centred).T, centred, precision=PRECISION)

    def __repr__(self) -> str:
        """Returns one line of shapes and dtype; tracers and other leaves are supported."""
        name = type(self).__name__
        # Placeholders that are None are leaves, too.
        parts = jax.tree.leaves((self.means, self.factors), is_leaf=lambda part: part is None)
        if not all(hasattr(part, "dtype") for part in parts):
            leaves = [getattr(self, field.name) for field in dataclasses.fields(self)]
            return f"{name}({', '.join(map(repr, leaves))})"
        sizes = f"num_components={self.num_components}, dim={self.dim}"
        return f"{name}({sizes}, {self.form.title}, {self.means.dtype})"


AnyMixture = TypeVar("AnyMixture", bound=Mixture)


def part_of(mixture: AnyMixture, rows: np.ndarray) -> AnyMixture:
    """Returns the mixture of some components, normalised.

    Args:
        mixture: of K components.
        rows: the indices of some, or [K] bool.
    """
    part = jax.tree.map(lambda array: array[rows], mixture)
    return dataclasses.replace(part, log_weights=jax.nn.log_softmax(part.log_weights))


@partial(jax.jit, static_argnames="count")
def _sample(mixture: Mixture, key: PRNGKey, count: int) -> tuple[Array, Array]:
    key_component, key_noise = jax.random.split(key)
    # By the inverse of the cumulative weights; jax.random.categorical would draw noise [N, K].
    components = jax.random.choice(
        key_component, mixture.num_components, (count,), p=jax.lax.stop_gradient(mixture.weights)
    ).astype(jnp.int32)
    noise = mixture._noise(key_noise, components)  # pyright: ignore[reportPrivateUsage]
    samples = mixture._place(components, noise)  # pyright: ignore[reportPrivateUsage]
    return samples, components
