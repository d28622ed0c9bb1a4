"""Where to add a component, and with which covariance."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.densities.evaluation import evaluate_values
from gmmvi_jax.mixture.densities import log_density
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, round_up, take_block
from gmmvi_jax.numerics.gaussian import LOG_TWO_PI, entropy
from gmmvi_jax.numerics.standard_normal import standard_normal_rows
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


class Candidates(NamedTuple):
    """Scored candidates for the mean of a new component."""

    log_target: Array  # [M]
    log_mixture: Array  # [M]
    rows: Array  # [M] int32 of the archive
    largest_log_mixture: Array  # []


class Winner(NamedTuple):
    """The best candidate so far."""

    score: Array  # []
    position: Array  # [] int32 among the candidates


def archive_rows(salt: Array, archive: Archive, start: Array, size: int, limit: int) -> Array:
    """Returns [C] which rows of the archive the candidates ``start ..`` are.

    All of them where there are at most ``limit``, else random ones (with replacement, which an
    argmax does not mind) that ``salt``, 32 random bits, chooses.
    """
    rows = start + jnp.arange(size, dtype=jnp.int32)
    count = jnp.maximum(archive.count, 1)
    random_rows = (_scramble(rows.astype(jnp.uint32) ^ salt) % count.astype(jnp.uint32)).astype(
        jnp.int32
    )
    return jnp.where(archive.count <= limit, jnp.minimum(rows, count - 1), random_rows)


def _scramble(bits: Array) -> Array:
    """Returns a hash of 32 bits: random enough to choose rows, and cheap to compile.

    The finaliser of MurmurHash3 (Appleby, 2011, public domain).
    """
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = (bits ^ (bits >> shift)) * jnp.uint32(factor)
    return bits ^ (bits >> 16)


def best_candidate(
    salt: Array,
    prior_key: PRNGKey,
    target_key: PRNGKey,
    log_target: LogDensity,
    mixture: PaddedMixture,
    archive: Archive,
    threshold: Array,
    prior_mean: Array,
    prior_deviation: Array,
    due: Array,
    num_archive: int,
    num_prior: int,
) -> tuple[Array, Array]:
    """Returns [D] the mean for a new component, and the target evaluations it took.

    It maximises log p~(x) - max(log q(x), max_x' log q(x') - threshold): a place where the target
    has mass that the mixture misses, while places where the mixture is low anyway do not win
    by that alone. Source: Arenz et al., JMLR 2020, Section 4.2.2.

    Args:
        salt: [] uint32, random; chooses the archive's samples.
        prior_key: draws candidates from the prior.
        target_key: used where the target is stochastic.
        log_target: log density of one point.
        mixture: the updated mixture.
        archive: past samples with their log target.
        threshold: tau, scalar.
        prior_mean: [D] of the candidates from the prior.
        prior_deviation: [D] their standard deviations.
        due: [] bool; if not, no candidate is visited and no evaluation spent.
        num_archive: most candidates to take from the archive.
        num_prior: candidates to draw from the prior.
    """
    size = archive.chunk_size
    dtype = mixture.log_weights.dtype
    num_old = jnp.where(due, jnp.minimum(archive.count, num_archive), 0)
    num_new = jnp.where(due, num_prior, 0).astype(jnp.int32)
    # Candidates from the prior stand behind those of the archive.
    first_new = round_up(min(num_archive, archive.log_target.shape[0]), size)

    def prior_points(start: Array) -> Array:
        key = jax.random.fold_in(prior_key, start // size)
        return prior_mean + prior_deviation * standard_normal_rows(key, size, mixture.dim, dtype)

    def score(
        first: Array, points: Array, values: Array, rows: Array, live: Array, scored: Candidates
    ) -> Candidates:
        usable = live & (values > -jnp.inf) & (values < jnp.inf)  # NaN is neither
        densities = log_density(mixture, mixture.log_weights, points)
        highest = jnp.max(jnp.where(usable, densities, -jnp.inf))
        return Candidates(
            log_target=put_block(scored.log_target, jnp.where(usable, values, -jnp.inf), first),
            log_mixture=put_block(scored.log_mixture, densities, first),
            rows=put_block(scored.rows, rows, first),
            largest_log_mixture=jnp.maximum(scored.largest_log_mixture, highest),
        )

    def score_old(start: Array, scored: Candidates) -> Candidates:
        rows = archive_rows(salt, archive, start, size, num_archive)
        live = live_rows(start, size, num_old)
        return score(start, archive.points[rows], archive.log_target[rows], rows, live, scored)

    def score_new(start: Array, scored: Candidates) -> Candidates:
        points = prior_points(start)
        key = jax.random.fold_in(target_key, start)
        values = evaluate_values(key, log_target, points, start, num_new)
        live = live_rows(start, size, num_new)
        return score(first_new + start, points, values, jnp.zeros(size, jnp.int32), live, scored)

    num_rows = first_new + round_up(num_prior, size)
    scored = Candidates(
        log_target=jnp.zeros(num_rows, dtype),
        log_mixture=jnp.zeros(num_rows, dtype),
        rows=jnp.zeros(num_rows, jnp.int32),
        largest_log_mixture=jnp.asarray(-jnp.inf, dtype),
    )
    scored = fold_blocks(num_old, size, score_old, scored)
    if num_prior:
        scored = fold_blocks(num_new, size, score_new, scored)

    def compare(first: Array, best: Winner) -> Winner:
        log_values, log_mixture = take_block((scored.log_target, scored.log_mixture), first, size)
        scores = log_values - jnp.maximum(log_mixture, scored.largest_log_mixture - threshold)
        place = jnp.argmax(scores).astype(jnp.int32)
        better = scores[place] > best.score
        position = first + place
        return Winner(
            jnp.where(better, scores[place], best.score), jnp.where(better, position, best.position)
        )

    best = Winner(jnp.asarray(-jnp.inf, dtype), jnp.zeros((), jnp.int32))
    best = fold_blocks(num_old, size, compare, best)
    if num_prior:
        best = fold_blocks(
            num_new, size, lambda start, best: compare(first_new + start, best), best
        )
    mean = archive.points[scored.rows[best.position]]
    if num_prior:
        place = best.position - first_new
        fresh = prior_points(place // size * size)[place % size]
        mean = jnp.where(place >= 0, fresh, mean)
    # No candidate has a usable value: the prior's mean is as good a guess as any.
    return jnp.where(best.score > -jnp.inf, mean, prior_mean.astype(dtype)), num_new


def isotropic_variance(
    share: Array, mixture: PaddedMixture, prior_deviation: Array, due: Array
) -> Array:
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

    num_visited = jnp.where(due, mixture.num_components, 0)
    zero = jnp.zeros((), mixture.log_weights.dtype)
    model_entropy = fold_blocks(num_visited, size, add_block, zero)
    prior_entropy = jnp.sum(jnp.log(prior_deviation)) + 0.5 * dim * (1.0 + LOG_TWO_PI)
    mixed = share * model_entropy + (1.0 - share) * prior_entropy
    return jnp.exp(2.0 * mixed / dim - 1.0 - LOG_TWO_PI)
