"""The importance weights of the samples in use under the components."""

import jax.numpy as jnp

from gmmvi_jax.numerics.blocks import take_block
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.typing import Array


def log_importance_weights(
    log_densities: Array, log_background: Array, usable: Array, is_own: Array | None = None
) -> Array:
    """Returns [..., C] the log weights of a chunk of samples under one component, or several.

    Args:
        log_densities: [..., C] log N(x | o).
        log_background: [C] log b(x) of what generated the samples.
        usable: [C] bool; the other samples have no weight, -inf.
        is_own: [..., C] bool, which samples the component drew itself, if it is to use no others:
            b is then its own density, and every weight 1 or 0. None: it shares all samples.
    """
    if is_own is None:
        return jnp.where(usable, log_densities - log_background, -jnp.inf)
    return jnp.where(is_own & usable, 0.0, -jnp.inf).astype(log_densities.dtype)


def own_samples(batch: SampleBatch, row: Array, start: Array, block_size: int) -> Array:
    """Returns [B, C] which samples of a chunk each component of a block drew.

    Args:
        batch: drawn in this iteration, all of it.
        row: first row of the chunk.
        start: first component of the block.
        block_size: components B.
    """
    origins = take_block(batch.origins, row, batch.visit_size)
    return origins[None, :] == start + jnp.arange(block_size, dtype=jnp.int32)[:, None]
