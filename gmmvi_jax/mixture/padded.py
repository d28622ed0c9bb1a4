"""The mixture in training: a capacity of K slots, of which the first are active.

The public, differentiable mixture is ``gmmvi_jax.gmm.GMM``.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.lowrank.mixtures import mixture_of
from gmmvi_jax.numerics.block_sizes import block_sizes
from gmmvi_jax.numerics.blocks import (
    round_up,
)
from gmmvi_jax.numerics.forms.choice import form_of, form_of_factor
from gmmvi_jax.numerics.forms.protocol import Form
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class PaddedMixture:
    """A Gaussian mixture in buffers of fixed capacity.

    Active components are always the first ``num_components`` slots. The other slots hold arbitrary
    finite Gaussians, so that a partly filled last block can be computed and masked; their log
    weight is -inf.
    """

    log_weights: Array  # [K] normalised over the active slots
    gaussians: Gaussian  # stacked, K leading
    num_components: Array  # [] int32
    max_components: int = dataclasses.field(metadata={"static": True})
    block_size: int = dataclasses.field(metadata={"static": True})

    @property
    def capacity(self) -> int:
        """The number of slots K: ``max_components`` rounded up to whole blocks."""
        return self.log_weights.shape[0]

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return self.gaussians.mean.shape[-1]

    @property
    def form(self) -> Form:
        """The form of the covariances."""
        return form_of(self.gaussians)

    @property
    def active(self) -> Array:
        """[K] which slots are active."""
        return jnp.arange(self.capacity, dtype=jnp.int32) < self.num_components


def to_gmm(mixture: PaddedMixture) -> Any:
    """Returns the active components as a public mixture (host only)."""
    count = int(mixture.num_components)

    def take(buffer: Array) -> Array:
        # A copy, since the next chunk donates the buffer; with NumPy, since JAX would compile a
        # slice, and ``jnp.array`` a transfer, for every number of components.
        return jax.device_put(np.array(np.asarray(buffer)[:count]))

    gaussians = mixture.gaussians
    arrays = (mixture.log_weights, gaussians.mean, gaussians.factor, gaussians.degrees)
    log_weights, means, factors, degrees = jax.tree.map(take, arrays)
    return mixture_of(log_weights, means, mixture.form.public(factors), degrees)


def from_gmm(gmm: Mixture, max_components: int, block_size: int | None = None) -> PaddedMixture:
    """Returns a padded mixture with the components of ``gmm`` in its first slots.

    Args:
        gmm: the mixture, at most ``max_components`` components.
        max_components: capacity of the padded mixture.
        block_size: components per block; None: the default of the backend.

    Raises:
        ValueError: the mixture has more than ``max_components`` components.
    """
    count = gmm.num_components
    if count > max_components:
        raise ValueError(
            f"the mixture has {count} components, but max_components is {max_components}; raise it."
        )
    if block_size is None:
        block_size = block_sizes(gmm.dim, max_components).components
    return _pad(gmm, max_components, block_size)


@partial(jax.jit, static_argnames=("max_components", "block_size"))
def _pad(gmm: Mixture, max_components: int, block_size: int) -> PaddedMixture:
    count, dim = gmm.means.shape
    capacity = round_up(max_components, block_size)
    dtype = gmm.means.dtype
    form = form_of_factor(gmm.means, gmm.factors)

    def fill(unit: Array, given: Array) -> Array:
        return jnp.broadcast_to(unit, (capacity, *unit.shape)).at[:count].set(given)

    unit = form.factor(jnp.ones(dim, dtype))
    factors = jax.tree.map(fill, unit, form.stored(gmm.factors))
    degrees = None
    if isinstance(gmm, TMixture):
        # New components have those of the first.
        degrees = jnp.broadcast_to(gmm.degrees[0], capacity).at[:count].set(gmm.degrees)
    return PaddedMixture(
        log_weights=jnp.full(capacity, -jnp.inf, dtype).at[:count].set(gmm.log_weights),
        gaussians=Gaussian(
            mean=jnp.zeros((capacity, dim), dtype).at[:count].set(gmm.means),
            factor=factors,
            inverse_factor=jax.vmap(form.inverse)(factors),
            degrees=degrees,
        ),
        num_components=jnp.asarray(count, jnp.int32),
        max_components=max_components,
        block_size=block_size,
    )
