"""The evidence lower bound and its standard error, from fresh samples."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import full_density
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.evaluation.importance import Average, average
from gmmvi_jax.evaluation.log_ratios import DRAW_SEGMENT, ratios_of_rows
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.mixture.drawing import draw, no_draws, stratified_counts
from gmmvi_jax.mixture.padded import PaddedMixture, from_gmm
from gmmvi_jax.numerics.block_sizes import row_chunk
from gmmvi_jax.numerics.blocks import round_up
from gmmvi_jax.numerics.devices import shared
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_num_samples, require_temperature
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


@partial(jax.jit, static_argnames=("num_samples", "max_chunk_bytes", "mesh"))
def mixture_elbo(
    mixture: PaddedMixture,
    log_target: LogDensity,
    key: PRNGKey,
    num_samples: int,
    max_chunk_bytes: int | None = None,
    temperature: Array | float = 1.0,
    mesh: Mesh | None = None,
) -> Average:
    """Estimates the ELBO of a padded mixture; see ``elbo`` and ``Algorithm.max_chunk_bytes``.

    With a mesh its devices share the draws, see ``numerics.devices``.
    """
    estimate = partial(_mixture_elbo, num_samples=num_samples, max_chunk_bytes=max_chunk_bytes)
    return shared(estimate, mesh)(mixture, log_target, key, jnp.asarray(temperature))


def _mixture_elbo(
    mixture: PaddedMixture,
    log_target: LogDensity,
    key: PRNGKey,
    temperature: Array,
    num_samples: int,
    max_chunk_bytes: int | None,
) -> Average:
    key_components, key_points, key_target = jax.random.split(key, 3)
    dtype = mixture.log_weights.dtype
    size = row_chunk(
        mixture.dim, mixture.max_components, num_samples, max_chunk_bytes, dtype.itemsize
    )
    counts = stratified_counts(key_components, mixture, num_samples)
    rows = round_up(num_samples, size) + size
    buffers = no_draws(rows, mixture.dim, dtype)
    draws = draw(key_points, mixture.gaussians, counts, buffers, size, min(DRAW_SEGMENT, size))
    points = draws.points
    num_live = jnp.asarray(num_samples, jnp.int32)
    density = full_density(log_target)
    ratios = ratios_of_rows(mixture, density, key_target, points, num_live, size, temperature)
    return average(ratios[:num_samples])


@own_errors()
def elbo(
    gmm: GMM,
    log_target: LogDensity,
    rng_key: PRNGKey | int,
    num_samples: int = 10_000,
    *,
    temperature: Array | float = 1.0,
) -> Average:
    """Estimates the evidence lower bound E_q[log p~(x) - log q(x)] from fresh samples.

    The samples are stratified over the components. The standard error is that of independent draws,
    an upper bound of the true one.

    The ELBO is at most log Z; the gap is KL(q || p). If the mixture has mass outside of the
    target's support it is the ELBO of the mixture truncated to the support; see ``average``. Modes
    of the target that the mixture misses have no effect on it.

    If the target has a method ``full`` (minibatches do), the ELBO is that of all data, without the
    noise of minibatches. Other stochastic targets are called with a new key for every draw: the
    mean is unbiased if the target is, and the standard error includes its noise.

    Args:
        gmm: the mixture q.
        log_target: unnormalised log density of one point [D].
        rng_key: a PRNG key, or an integer seed.
        num_samples: fresh draws from q, each one target evaluation.
        temperature: beta of the fit; the ELBO is that of p^(1/beta),
            E_q[log p~(x) / beta - log q(x)].

    Returns:
        Mean, standard error, and the numbers of draws at which the target was NaN or +inf, and
        -inf.
    """
    require_gmm("gmm", gmm)
    temperature = require_temperature(temperature)
    num_samples = require_num_samples(num_samples)
    mixture = from_gmm(gmm, gmm.means.shape[0])
    target = as_log_density(log_target)
    return mixture_elbo(mixture, target, typed_key(rng_key), num_samples, temperature=temperature)
