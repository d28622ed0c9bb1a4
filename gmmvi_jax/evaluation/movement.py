"""How far a mixture has moved, independently of its components."""

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.evaluation.on_host import host_draws
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_num_samples
from gmmvi_jax.typing import Array, PRNGKey

_ROWS = 64  # of draws at a time


@jax.jit
def _mean_log_ratio(gmm: GMM, other: GMM, points: Array) -> Array:
    def log_ratio(point: Array) -> Array:
        return gmm.log_prob(point) - other.log_prob(point)

    return jnp.mean(jax.lax.map(log_ratio, points, batch_size=_ROWS))


def mixture_divergence(
    gmm: GMM, other: GMM, rng_key: PRNGKey | int, num_samples: int = 1000
) -> float:
    """Estimates KL(gmm || other) from draws of the first, without target evaluations.

    It is 0 if components exchange weights or places and the mixture stays the same.

    Args:
        gmm: a mixture.
        other: another one of the same dimension.
        rng_key: a PRNG key, or an integer, its seed.
        num_samples: draws.
    """
    require_gmm("gmm", gmm)
    require_gmm("other", other)
    num_samples = require_num_samples(num_samples)
    draws = host_draws(gmm, typed_key(rng_key), num_samples)
    return float(_mean_log_ratio(gmm, other, np.asarray(draws, gmm.means.dtype)))
