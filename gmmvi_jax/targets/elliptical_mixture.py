"""What mixtures of Gaussians and of Student-t distributions share: their ellipses."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.requirements import require_int, require_seed
from gmmvi_jax.typing import Array

_MOST_DIMS = 10_000  # of full covariances


@dataclasses.dataclass(frozen=True, eq=False)
class EllipticalMixture:
    """K components of equal weight, each a function of the distance from its mean; normalised."""

    name: str = dataclasses.field(metadata={"static": True})
    means: np.ndarray | Array  # [K, D]
    factors: np.ndarray | Array  # [K, D, D], lower Cholesky factors of the scale matrices
    inverse_factors: np.ndarray | Array  # [K, D, D]
    log_normalisers: np.ndarray | Array  # [K], log of weight times density at each mean

    @property
    def dim(self) -> int:
        """D."""
        return self.means.shape[-1]

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn around zero, the centre of the box of the true means."""
        return 0.0

    @property
    def log_z(self) -> float:
        """The density is normalised."""
        return 0.0

    @property
    def modes(self) -> np.ndarray | Array:
        """The true means [K, D]; with components this far apart the modes are the means."""
        return self.means

    def squared_distances(self, x: Array) -> Array:
        """Returns [K] the squared norms of L_k^-1 (x - mu_k), at ``x`` [D]."""
        means = jnp.asarray(self.means, x.dtype)
        inverse_factors = jnp.asarray(self.inverse_factors, x.dtype)
        num_components, dim = means.shape

        # L_k^-1 (x - mu_k) for all k as ONE product, and its transpose in the gradient as one: four
        # times faster in 100-D than a product per component, and twice in 300-D. This needs a
        # common centre instead of centring at each mu_k. In float32 the errors of Gaussian mixtures
        # are the same (1e-5 nats in 20-D, 6e-5 in 100-D). Those of Student-t mixtures are 4e-5
        # nats in 20-D and 0.02 in 300-D, where L^-1 has norms up to 1000; with mu_k they are 1e-5
        # and 0.003.
        centre = jnp.mean(means, axis=0)
        # On recent GPUs the default precision rounds the factors of a product to 10 bits.
        whitened_means = jnp.einsum(
            "kij,kj->ki", inverse_factors, means - centre[None], precision=PRECISION
        )
        stacked = inverse_factors.reshape(num_components * dim, dim)
        whitened = jnp.matmul(x - centre, stacked.T, precision=PRECISION)
        residuals = whitened.reshape(num_components, dim) - whitened_means
        return jnp.sum(residuals**2, axis=-1)

    def place(self, components: Array, noise: Array) -> Array:
        """Returns [N, D] mu_k + L_k z, for noise z [N, D] and components k [N]."""

        # Transform all samples by one component at a time and keep its own: gathering a factor for
        # every sample would take N * D^2 of memory.
        def add_component(
            samples: Array, component: tuple[Array, Array, Array]
        ) -> tuple[Array, None]:
            index, mean, factor = component
            own = mean[None] + jnp.matmul(noise, factor.T, precision=PRECISION)
            return jnp.where((components == index)[:, None], own, samples), None

        means = jnp.asarray(self.means, noise.dtype)
        factors = jnp.asarray(self.factors, noise.dtype)
        indexed = (jnp.arange(len(means)), means, factors)
        return jax.lax.scan(add_component, jnp.zeros_like(noise), indexed)[0]


def generator_of(dim: int, seed: int) -> np.random.Generator:
    """Returns the generator of an instance, which does not depend on JAX.

    Raises:
        ValueError: ``dim`` is less than 1 or ``seed`` is no integer from 0 to 2**32 - 1.
    """
    require_int("dim", dim, 1, _MOST_DIMS)
    require_seed("seed", seed)
    return np.random.Generator(np.random.PCG64(seed))
