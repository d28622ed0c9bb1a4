"""A mixture of forty small Gaussians that are far apart, a test of mode coverage."""

import math

import numpy as np

from gmmvi_jax.targets.elliptical_mixture import generator_of
from gmmvi_jax.targets.gaussian_mixture import GaussianMixtureTarget

# 2-D: Midgley et al., "Flow annealed importance sampling bootstrap" (ICLR 2023); higher dimensions,
# 50 above all: Blessing et al., "Beyond ELBOs" (ICML 2024).
NUM_COMPONENTS = 40
MEAN_BOUND = 40.0
PLANAR_SCALE = math.log1p(math.e)  # softplus(1), their standard deviation in 2-D
SCALE = 1.0  # their standard deviation in other dimensions, of the later study


def gmm40(dim: int = 2, seed: int = 0) -> GaussianMixtureTarget:
    """Returns a mixture of 40 round Gaussians of equal weight, means uniform in [-40, 40]^D.

    Their standard deviation is 1.31 in 2-D and 1 in other dimensions. In 2-D some overlap, but
    ``modes`` are the 40 means. The published instances come from other random generators.

    Args:
        dim: D, at least 1; 2 and 50 are published.
        seed: of the instance, which does not depend on JAX's precision or generators.

    Raises:
        ValueError: ``dim`` is less than 1 or ``seed`` is no integer from 0 to 2**32 - 1.
    """
    generator = generator_of(dim, seed)
    means = generator.uniform(-MEAN_BOUND, MEAN_BOUND, (NUM_COMPONENTS, dim))
    scale = PLANAR_SCALE if dim == 2 else SCALE
    identities = np.tile(np.eye(dim), (NUM_COMPONENTS, 1, 1))
    log_normaliser = -math.log(NUM_COMPONENTS) - dim * math.log(scale * math.sqrt(2 * math.pi))
    return GaussianMixtureTarget(
        name="gmm40" if dim == 2 else f"gmm40_{dim}d",
        means=means,
        factors=scale * identities,
        inverse_factors=identities / scale,
        log_normalisers=np.full(NUM_COMPONENTS, log_normaliser),
    )
