"""Random mixtures of Student-t distributions, whose tails are heavier than any Gaussian's."""

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

# Lin, Khan, Schmidt (ICML 2019); Arenz et al. (TMLR 2023), the experiments STM20 and STM300.
DEGREES_OF_FREEDOM = 2.0
FACTOR_SCALE_PER_DIM = 0.1
# Number of components and bound of their means: in 20-D, and in 300-D or more.
LOW_DIMENSIONAL = (10, 20.0)
HIGH_DIMENSIONAL = (20, 25.0)
HIGH_DIMENSION = 300


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class StudentTMixtureTarget(EllipticalMixture):
    """An equally weighted mixture of K Student-t distributions, normalised.

    A component is mean + L z sqrt(nu / c) with z standard normal, c chi-squared with nu degrees
    of freedom, and S = L L^T its scale matrix. For nu = 2 the covariance does not exist. ``stm``
    builds the instances of the benchmark.

    Under ``jax.vmap(jax.value_and_grad(target))`` the work is two matrix products.
    """

    degrees_of_freedom: float = DEGREES_OF_FREEDOM  # nu

    @property
    def prior_scale(self) -> float:
        """Wide enough to cover the tails, several times wider than the box of the true means."""
        return 100.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as the box of the true means."""
        return 300.0

    def __call__(self, x: Array) -> Array:
        """Returns the log density at ``x`` [D], a scalar of its dtype."""
        log_normalisers = jnp.asarray(self.log_normalisers, x.dtype)
        freedom = jnp.asarray(self.degrees_of_freedom, x.dtype)
        log_decay = jnp.log1p(self.squared_distances(x) / freedom)
        return jax.nn.logsumexp(log_normalisers - 0.5 * (freedom + self.dim) * log_decay)

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, D] in JAX's default precision."""
        require_num_samples(num_samples, least=0)
        key_component, key_noise, key_width = jax.random.split(typed_key(rng_key), 3)
        num_components, dim = self.means.shape
        components = jax.random.randint(key_component, (num_samples,), 0, num_components)
        noise = jax.random.normal(key_noise, (num_samples, dim))
        half_freedom = jnp.asarray(0.5 * self.degrees_of_freedom, noise.dtype)
        # The log of chi^2_nu / nu, since the value may underflow for few degrees of freedom.
        log_gamma = jax.random.loggamma(key_width, half_freedom, (num_samples,))
        noise = noise * jnp.exp(0.5 * (jnp.log(half_freedom) - log_gamma))[:, None]
        return self.place(components, noise)


def stm(dim: int, seed: int = 0) -> StudentTMixtureTarget:
    """Returns an instance of the STM benchmark; 20 and 300 are the published dimensions.

    Components of equal weight with 2 degrees of freedom and scale matrix (A^T A + I)^-1,
    A_ij ~ N(0, (0.1 D)^2): 10 components with means uniform in [-20, 20]^D, or, for 300 or more
    dimensions, 20 with means in [-25, 25]^D.

    Args:
        dim: D, at least 1.
        seed: of the instance, which does not depend on JAX's precision or generators.

    Raises:
        ValueError: ``dim`` is less than 1 or ``seed`` is no integer from 0 to 2**32 - 1.
    """
    generator = generator_of(dim, seed)
    num_components, bound = HIGH_DIMENSIONAL if dim >= HIGH_DIMENSION else LOW_DIMENSIONAL
    means = generator.uniform(-bound, bound, (num_components, dim))
    roots = generator.normal(0.0, FACTOR_SCALE_PER_DIM * dim, (num_components, dim, dim))
    inverse_scales = roots.transpose(0, 2, 1) @ roots + np.eye(dim)

    # With U upper triangular and U U^T = S^-1, U^T is L^-1. A Cholesky decomposition with reversed
    # dimensions gives U, without forming S (condition number 1e6 in 300-D).
    upper = np.flip(np.linalg.cholesky(np.flip(inverse_scales, (1, 2))), (1, 2))
    inverse_factors = np.ascontiguousarray(upper.transpose(0, 2, 1))
    factors = np.tril(np.linalg.inv(inverse_factors))

    freedom = DEGREES_OF_FREEDOM
    log_peak = (
        math.lgamma(0.5 * (freedom + dim))
        - math.lgamma(0.5 * freedom)
        - 0.5 * dim * math.log(freedom * math.pi)
    )
    log_diagonals = np.log(np.diagonal(inverse_factors, axis1=1, axis2=2))  # [K, D]
    log_normalisers = log_peak - math.log(num_components) + log_diagonals.sum(axis=1)
    return StudentTMixtureTarget(f"stm{dim}", means, factors, inverse_factors, log_normalisers)
