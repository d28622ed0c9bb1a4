"""Random Gaussian mixtures with full covariances."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, PRNGKey

# Arenz et al. (TMLR 2023), the experiments GMM20 and GMM100.
NUM_COMPONENTS = 10
MEAN_BOUND = 50.0
FACTOR_SCALE_PER_DIM = 0.1

# On recent GPUs the default precision rounds the factors of a product to 10 bits.


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixtureTarget:
    """An equally weighted mixture of K Gaussians, normalised; ``gmm`` builds the benchmark's.

    Under ``jax.vmap(jax.value_and_grad(target))`` the work is two matrix products.
    """

    name: str = dataclasses.field(metadata={"static": True})
    means: np.ndarray | Array  # [K, D]
    factors: np.ndarray | Array  # [K, D, D], lower Cholesky factors of the covariances
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
    def prior_scale(self) -> float:
        """The published setting, close to the square root of 1000."""
        return 31.63

    @property
    def initial_covariance(self) -> float:
        """Initial components are wide enough to reach components anywhere in the box."""
        return 1000.0

    @property
    def log_z(self) -> float:
        """The density is normalised."""
        return 0.0

    @property
    def modes(self) -> np.ndarray | Array:
        """The true means [K, D]; with components this far apart the modes are the means."""
        return self.means

    def __call__(self, x: Array) -> Array:
        """Returns the log density at ``x`` [D], a scalar of its dtype."""
        means = jnp.asarray(self.means, x.dtype)
        inverse_factors = jnp.asarray(self.inverse_factors, x.dtype)
        log_normalisers = jnp.asarray(self.log_normalisers, x.dtype)
        num_components, dim = means.shape

        # L_k^-1 (x - mu_k) for all k as ONE product, and its transpose in the gradient as one: four
        # times faster in 100-D than a product per component. This needs a common centre instead of
        # centring at each mu_k; the errors are the same here: in float32 1e-5 nats in 20-D, 6e-5 in
        # 100-D.
        centre = jnp.mean(means, axis=0)
        whitened_means = jnp.einsum(
            "kij,kj->ki", inverse_factors, means - centre[None], precision=PRECISION
        )
        stacked = inverse_factors.reshape(num_components * dim, dim)
        whitened = jnp.matmul(x - centre, stacked.T, precision=PRECISION)
        residuals = whitened.reshape(num_components, dim) - whitened_means
        return jax.nn.logsumexp(log_normalisers - 0.5 * jnp.sum(residuals**2, axis=-1))

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, D] in JAX's default precision."""
        key_component, key_noise = jax.random.split(typed_key(rng_key))
        num_components, dim = self.means.shape
        components = jax.random.randint(key_component, (num_samples,), 0, num_components)
        noise = jax.random.normal(key_noise, (num_samples, dim))

        # Transform all samples by one component at a time and keep its own: gathering a factor for
        # every sample would take num_samples * D^2 of memory.
        def add_component(
            samples: Array, component: tuple[Array, Array, Array]
        ) -> tuple[Array, None]:
            index, mean, factor = component
            own = mean[None] + jnp.matmul(noise, factor.T, precision=PRECISION)
            return jnp.where((components == index)[:, None], own, samples), None

        means = jnp.asarray(self.means, noise.dtype)
        factors = jnp.asarray(self.factors, noise.dtype)
        indexed = (jnp.arange(num_components), means, factors)
        return jax.lax.scan(add_component, jnp.zeros_like(noise), indexed)[0]


def gmm(dim: int, seed: int = 0) -> GaussianMixtureTarget:
    """Returns an instance of the GMM benchmark; 20 and 100 are the published dimensions.

    10 components of equal weight, means uniform in [-50, 50]^D, covariances A^T A + I with entries
    A_ij ~ N(0, (0.1 D)^2).

    Args:
        dim: D, at least 1.
        seed: of the instance, which does not depend on JAX's precision or generators.

    Raises:
        ValueError: ``dim`` is less than 1 or ``seed`` is negative.
    """
    if dim < 1:
        raise ValueError(f"dim must be at least 1, got {dim}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    generator = np.random.Generator(np.random.PCG64(seed))
    means = generator.uniform(-MEAN_BOUND, MEAN_BOUND, (NUM_COMPONENTS, dim))
    roots = generator.normal(0.0, FACTOR_SCALE_PER_DIM * dim, (NUM_COMPONENTS, dim, dim))
    covariances = roots.transpose(0, 2, 1) @ roots + np.eye(dim)

    factors = np.linalg.cholesky(covariances)
    inverse_factors = np.tril(np.linalg.inv(factors))
    log_diagonals = np.log(np.diagonal(factors, axis1=1, axis2=2))  # [K, D]
    log_normalisers = (
        -math.log(NUM_COMPONENTS) - log_diagonals.sum(axis=1) - 0.5 * dim * math.log(2 * math.pi)
    )
    return GaussianMixtureTarget(f"gmm{dim}", means, factors, inverse_factors, log_normalisers)
