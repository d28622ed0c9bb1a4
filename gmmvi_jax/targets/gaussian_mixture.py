"""Random Gaussian mixtures with full covariances."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_num_samples
from gmmvi_jax.targets.elliptical_mixture import EllipticalMixture, generator_of
from gmmvi_jax.typing import Array, PRNGKey

# Arenz et al. (TMLR 2023), the experiments GMM20 and GMM100.
NUM_COMPONENTS = 10
MEAN_BOUND = 50.0
FACTOR_SCALE_PER_DIM = 0.1


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixtureTarget(EllipticalMixture):
    """An equally weighted mixture of K Gaussians, normalised; ``gmm`` builds the benchmark's.

    Under ``jax.vmap(jax.value_and_grad(target))`` the work is two matrix products.
    """

    @property
    def prior_scale(self) -> float:
        """The published setting, close to the square root of 1000."""
        return 31.63

    @property
    def initial_covariance(self) -> float:
        """Initial components are wide enough to reach components anywhere in the box."""
        return 1000.0

    def __call__(self, x: Array) -> Array:
        """Returns the log density at ``x`` [D], a scalar of its dtype."""
        log_normalisers = jnp.asarray(self.log_normalisers, x.dtype)
        return jax.nn.logsumexp(log_normalisers - 0.5 * self.squared_distances(x))

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, D] in JAX's default precision."""
        require_num_samples(num_samples, least=0)
        key_component, key_noise = jax.random.split(typed_key(rng_key))
        num_components, dim = self.means.shape
        components = jax.random.randint(key_component, (num_samples,), 0, num_components)
        noise = jax.random.normal(key_noise, (num_samples, dim))
        return self.place(components, noise)


def gmm(dim: int, seed: int = 0) -> GaussianMixtureTarget:
    """Returns an instance of the GMM benchmark; 20 and 100 are the published dimensions.

    10 components of equal weight, means uniform in [-50, 50]^D, covariances A^T A + I with entries
    A_ij ~ N(0, (0.1 D)^2).

    Args:
        dim: D, at least 1.
        seed: of the instance, which does not depend on JAX's precision or generators.

    Raises:
        ValueError: ``dim`` is less than 1 or ``seed`` is no integer from 0 to 2**32 - 1.
    """
    generator = generator_of(dim, seed)
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
