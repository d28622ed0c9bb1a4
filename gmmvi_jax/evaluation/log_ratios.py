"""Log density ratios log p~(x) - log q(x), from which all other measures are computed."""

from functools import partial

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import evaluate_values, full_density
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.mixture.densities import log_density
from gmmvi_jax.mixture.drawing import draw, draw_counts, no_draws
from gmmvi_jax.mixture.padded import PaddedMixture, from_gmm
from gmmvi_jax.numerics.block_sizes import row_chunk
from gmmvi_jax.numerics.blocks import put_block, round_up, take_block
from gmmvi_jax.numerics.devices import rows_per_visit, write_rows
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_array, require_num_samples, require_temperature
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

DRAW_SEGMENT = 64  # rows transformed by one product: counts per component are small
_SEGMENT_ROWS = 16_384  # draws held at a time, enough to amortise the loop over components
_NUM_HEAVIEST = 8  # draws kept, from which searches for more of their kind start
_SEGMENT_NUMBERS = 4_000_000  # bound on the numbers held, for thousands of dimensions


def ratios_of_rows(
    mixture: PaddedMixture,
    log_target: LogDensity,
    key: PRNGKey,
    points: Array,
    num_live: Array,
    size: int,
    temperature: Array | float,
) -> Array:
    """Returns [N] log p~ / temperature - log q at the first ``num_live`` of points [N + size, D].

    NaN where the target is NaN or +inf. Chunks of ``size`` rows, which divides N.
    """
    visit_size = rows_per_visit(size)

    def add_chunk(start: Array, ratios: Array) -> Array:
        chunk, place = take_block(points, start, visit_size), start % size
        chunk_key = jax.random.fold_in(key, start - place)
        values = evaluate_values(chunk_key, log_target, chunk, start, num_live, (place, size))
        # A division by 1 is exact: at temperature 1 nothing changes.
        values = values / jnp.asarray(temperature, values.dtype)
        values = values - log_density(mixture, mixture.log_weights, chunk)
        return put_block(ratios, jnp.where(values == jnp.inf, jnp.nan, values), start)

    ratios = jnp.zeros(points.shape[0] - size, points.dtype)
    return write_rows(num_live, visit_size, add_chunk, ratios)


@partial(jax.jit, static_argnames="num_samples")
def _draw_ratios(
    mixture: PaddedMixture,
    log_target: LogDensity,
    key: PRNGKey,
    num_samples: int,
    temperature: Array | float,
) -> tuple[Array, Array]:
    """See ``log_ratios_and_heaviest``; a segment of draws in memory at a time."""
    log_target = full_density(log_target)
    size = row_chunk(mixture.dim, mixture.max_components, num_samples)
    rows = min(_SEGMENT_ROWS, max(size, _SEGMENT_NUMBERS // mixture.dim), num_samples)
    rows = round_up(rows, size)
    num_segments = -(-num_samples // rows)

    def segment(index: Array) -> tuple[Array, Array, Array]:
        keys = jax.random.split(jax.random.fold_in(key, index), 3)
        key_components, key_points, key_target = keys
        num_live = jnp.minimum(num_samples - index * rows, rows)
        counts = draw_counts(key_components, mixture, num_live, rows)
        buffers = no_draws(rows + size, mixture.dim, mixture.log_weights.dtype)
        draws = draw(key_points, mixture.gaussians, counts, buffers, size, min(DRAW_SEGMENT, size))
        points = draws.points
        ratios = ratios_of_rows(
            mixture, log_target, key_target, points, num_live, size, temperature
        )
        is_known = (jnp.arange(len(ratios)) < num_live) & ~jnp.isnan(ratios)
        known = jnp.where(is_known, ratios, -jnp.inf)
        heights, highest = jax.lax.top_k(known, min(_NUM_HEAVIEST, len(ratios)))
        return ratios, points[highest], heights

    ratios, points, heights = jax.lax.map(segment, jnp.arange(num_segments, dtype=jnp.int32))
    highest = jax.lax.top_k(heights.reshape(-1), min(_NUM_HEAVIEST, num_samples))[1]
    return ratios.reshape(-1)[:num_samples], points.reshape(-1, mixture.dim)[highest]


@partial(jax.jit, static_argnames="size")
def _point_ratios(
    mixture: PaddedMixture,
    log_target: LogDensity,
    key: PRNGKey,
    points: Array,
    size: int,
    temperature: Array | float,
) -> Array:
    num_points = points.shape[0]
    padding = round_up(num_points, size) + size - num_points
    padded = jnp.pad(points, ((0, padding), (0, 0)))
    live = jnp.asarray(num_points, jnp.int32)
    density = full_density(log_target)
    ratios = ratios_of_rows(mixture, density, key, padded, live, size, temperature)
    return ratios[:num_points]


@own_errors()
def log_ratios(
    gmm: GMM,
    log_target: LogDensity,
    rng_key: PRNGKey | int,
    num_samples: int = 10_000,
    *,
    temperature: Array | float = 1.0,
) -> Array:
    """Returns log p~(x) - log q(x) at independent draws x of the mixture.

    Memory: the ratios, and a segment of at most 16,384 draws.

    Args:
        gmm: the mixture q.
        log_target: unnormalised log density of one point [D]; its method ``full`` (minibatches have
            one) is used if there is one.
        rng_key: a PRNG key, or an integer seed.
        num_samples: draws from q, each one target evaluation.
        temperature: beta of the fit, which approximates p^(1/beta): log p~(x) is divided by it.

    Returns:
        [N], NaN if the target is NaN or +inf; sorted by component within a segment.

    Raises:
        ValueError: ``num_samples`` is not positive.
    """
    return log_ratios_and_heaviest(gmm, log_target, rng_key, num_samples, temperature=temperature)[
        0
    ]


def log_ratios_and_heaviest(
    gmm: GMM,
    log_target: LogDensity,
    rng_key: PRNGKey | int,
    num_samples: int = 10_000,
    *,
    temperature: Array | float = 1.0,
) -> tuple[Array, Array]:
    """Returns [N] what ``log_ratios`` does, and [M, D] the draws at which it is highest.

    Args:
        gmm: see ``log_ratios``, also for the other arguments.
        log_target: log density of one point.
        rng_key: a key or a seed.
        num_samples: draws.
        temperature: beta of the fit.
    """
    require_gmm("gmm", gmm)
    temperature = require_temperature(temperature)
    num_samples = require_num_samples(num_samples)
    mixture = from_gmm(gmm, gmm.means.shape[0])
    key, target = typed_key(rng_key), as_log_density(log_target)
    return _draw_ratios(mixture, target, key, num_samples, temperature)


@own_errors()
def log_ratios_at(
    gmm: GMM,
    log_target: LogDensity,
    samples: ArrayLike,
    rng_key: PRNGKey | int | None = None,
    *,
    temperature: Array | float = 1.0,
) -> Array:
    """Returns log p~(x) - log q(x) at given samples, usually of the target.

    Args:
        gmm: the mixture q.
        log_target: as for ``log_ratios``.
        samples: [N, D].
        rng_key: for a stochastic target without ``full``.
        temperature: as for ``log_ratios``.

    Returns:
        [N], in the order of the samples; NaN if the target is NaN or +inf.

    Raises:
        ValueError: ``samples`` has the wrong shape.
    """
    require_gmm("gmm", gmm)
    temperature = require_temperature(temperature)
    samples = require_array("samples", samples).astype(gmm.means.dtype)
    if samples.ndim != 2 or samples.shape[1] != gmm.dim or not len(samples):
        raise ValueError(
            f"samples has shape {samples.shape}; give [N, {gmm.dim}], a row for each sample."
        )
    mixture = from_gmm(gmm, gmm.means.shape[0])
    key = typed_key(0 if rng_key is None else rng_key)
    size = row_chunk(mixture.dim, mixture.max_components, len(samples))
    return _point_ratios(mixture, as_log_density(log_target), key, samples, size, temperature)
