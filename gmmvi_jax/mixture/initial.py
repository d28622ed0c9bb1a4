"""The initial mixture of a run."""

import dataclasses

import jax
import jax.numpy as jnp

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.lowrank import LowRankGMM
from gmmvi_jax.lowrank.mixtures import mixture_of
from gmmvi_jax.numerics.forms.choice import form_named
from gmmvi_jax.numerics.forms.protocol import Form
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.typing import Array, HostArray, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True)
class PriorInitialization:
    """Components of equal weight with means drawn from a Gaussian prior.

    A single component starts at the prior's mean. Source: docs/algorithm.md, "Initial mixtures".

    Attributes:
        prior_mean: [D].
        prior_scale: [D] standard deviations of the means.
        initial_variance: [D] variances of every component.
        num_components: number of components.
        diagonal: whether covariances are diagonal, also during training.
        degrees: of freedom of Student-t components; None: they are Gaussian.
        rank: of covariances of low rank plus diagonal; None: they are full or diagonal.
    """

    prior_mean: HostArray
    prior_scale: HostArray
    initial_variance: HostArray
    num_components: int = dataclasses.field(metadata={"static": True})
    diagonal: bool = dataclasses.field(metadata={"static": True})
    degrees: float | Array | None = None
    rank: int | None = dataclasses.field(default=None, metadata={"static": True})

    @property
    def form(self) -> Form:
        """The form of the covariances."""
        return form_named(self.diagonal, self.rank, self.dim)

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return self.prior_mean.shape[-1]

    def __call__(self, key: PRNGKey) -> Mixture:
        """Returns the mixture drawn with ``key``, in the default float type."""
        dtype = jnp.result_type(float)
        count, dim = self.num_components, self.dim
        centre = jnp.asarray(self.prior_mean, dtype)
        noise = jax.random.normal(key, (count, dim), dtype)
        spread = jnp.asarray(self.prior_scale, dtype) * (noise if count > 1 else 0.0 * noise)
        deviation = jnp.sqrt(jnp.asarray(self.initial_variance, dtype))
        factors = jax.tree.map(
            lambda root: jnp.broadcast_to(root, (count, *root.shape)), self.form.factor(deviation)
        )
        log_weights = jnp.full(count, -jnp.log(count), dtype)
        gmm = mixture_of(log_weights, centre + spread, self.form.public(factors))
        return self.of_family(gmm)

    def of_family(self, gmm: Mixture) -> Mixture:
        """Returns a mixture to start from, with components of the kind that is asked for."""
        if self.rank is not None:
            same = isinstance(gmm, LowRankGMM) and gmm.rank == self.rank
            return gmm if same else LowRankGMM.of(gmm, self.rank)
        if self.degrees is None or not isinstance(gmm, GMM):
            return gmm
        return TMixture.of(gmm, self.degrees)
