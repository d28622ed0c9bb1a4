"""The evidence lower bound, from fresh samples, with its standard error."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.gmm import GMM
from gmmvi_jax.mixture import PaddedMixture, draw, from_gmm, log_density, stratified_counts
from gmmvi_jax.numerics.block_sizes import PREFERRED_CHUNK
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, round_up, take_block
from gmmvi_jax.numerics.callable_pytree import as_log_density
from gmmvi_jax.numerics.target_evaluation import evaluate_values, full_density
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

DRAW_SEGMENT = 64  # rows transformed by one product: counts per component are uneven and small


class ElboEstimate(NamedTuple):
    """An estimate of E_q[log p~(x) - log q(x)], in nats."""

    mean: Array  # []
    standard_error: Array  # []
    num_unusable: Array  # [] int32 samples left out: target NaN or +inf


@partial(jax.jit, static_argnames="num_samples")
def mixture_elbo(
    mixture: PaddedMixture, log_target: LogDensity, key: PRNGKey, num_samples: int
) -> ElboEstimate:
    """Estimates the ELBO of a padded mixture; see ``elbo``."""
    log_target = full_density(log_target)
    key_components, key_points, key_target = jax.random.split(key, 3)
    size = min(PREFERRED_CHUNK, num_samples)
    dtype = mixture.log_weights.dtype
    counts = stratified_counts(key_components, mixture, num_samples)
    buffer = jnp.zeros((round_up(num_samples, size) + size, mixture.dim), dtype)
    points = draw(key_points, mixture.gaussians, counts, buffer, size, min(DRAW_SEGMENT, size))

    def add_chunk(start: Array, moments: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        count, mean, squares = moments
        chunk = take_block(points, start, size)
        values = evaluate_values(
            jax.random.fold_in(key_target, start),
            log_target,
            chunk,
            start,
            jnp.asarray(num_samples, jnp.int32),
        )
        values = values - log_density(mixture, mixture.log_weights, chunk)
        usable = live_rows(start, size, jnp.asarray(num_samples, jnp.int32))
        usable = usable & ~jnp.isnan(values) & (values != jnp.inf)
        # Chan's update of mean and sum of squared deviations: exact however large the mean.
        chunk_count = jnp.sum(usable, dtype=dtype)
        chunk_mean = jnp.sum(jnp.where(usable, values, 0.0)) / jnp.maximum(chunk_count, 1.0)
        deviations = jnp.where(usable, values - chunk_mean, 0.0)
        total = count + chunk_count
        shift = chunk_mean - mean
        share = chunk_count / jnp.maximum(total, 1.0)
        return (
            total,
            mean + shift * share,
            squares + jnp.sum(deviations**2) + shift**2 * count * share,
        )

    zero = jnp.zeros((), dtype)
    count, mean, squares = fold_blocks(
        jnp.asarray(num_samples, jnp.int32), size, add_chunk, (zero, zero, zero)
    )
    error = jnp.sqrt(squares / jnp.maximum(count - 1.0, 1.0) / jnp.maximum(count, 1.0))
    num_unusable = num_samples - count.astype(jnp.int32)
    return ElboEstimate(jnp.where(count > 0.0, mean, jnp.nan), error, num_unusable)


def elbo(
    gmm: GMM, log_target: LogDensity, rng_key: PRNGKey, num_samples: int = 10_000
) -> ElboEstimate:
    """Estimates the evidence lower bound E_q[log p~(x) - log q(x)] from fresh samples.

    The samples are stratified: each component draws its share of them. The standard error is that
    of independent draws, which is no less than the true one.

    It is at most log Z; the gap is KL(q || p). It cannot see a mode of the target that the mixture
    has no mass near.

    Where the target has a method ``full`` (minibatches do) that is used: the ELBO is that of all
    data, without their noise. A stochastic target without it is called with a fresh key for every
    draw: the mean is unbiased if the target is, and the standard error includes its noise.

    Args:
        gmm: the mixture q.
        log_target: unnormalised log density of one point [D].
        rng_key: a PRNG key.
        num_samples: fresh draws from q, each one target evaluation.

    Returns:
        Mean, standard error and the number of draws where the target was NaN or +inf.
    """
    mixture = from_gmm(gmm, gmm.means.shape[0])
    return mixture_elbo(mixture, as_log_density(log_target), rng_key, num_samples)
