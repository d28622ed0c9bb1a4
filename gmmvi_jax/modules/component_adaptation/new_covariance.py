"""How wide a new component is."""

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, take_block
from gmmvi_jax.numerics.gaussian import entropy
from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.typing import Array


def isotropic_variance(share: Array, mixture: PaddedMixture, prior_deviation: Array) -> Array:
    """Returns c such that N(., c I) has an entropy between the model's and the prior's.

    a H_model + (1 - a) H_prior with a = ``share``, drawn from U(0, 1); H_model is the weighted mean
    entropy of the components, H_prior that of the initial covariance. Source: Arenz et al., JMLR
    2020, Section 4.2.3.
    """
    dim = mixture.dim
    size = mixture.block_size

    def add_block(start: Array, total: Array) -> Array:
        block, log_weights = take_block((mixture.gaussians, mixture.log_weights), start, size)
        live = live_rows(start, size, mixture.num_components)
        return total + jnp.sum(
            jnp.where(live, jnp.exp(log_weights) * jax.vmap(entropy)(block), 0.0)
        )

    zero = jnp.zeros((), mixture.log_weights.dtype)
    model_entropy = fold_blocks(mixture.num_components, size, add_block, zero)
    prior_entropy = jnp.sum(jnp.log(prior_deviation)) + 0.5 * dim * (1.0 + LOG_TWO_PI)
    mixed = share * model_entropy + (1.0 - share) * prior_entropy
    return jnp.exp(2.0 * mixed / dim - 1.0 - LOG_TWO_PI)
