"""Where to add a component: the best of candidates from the archive and from the prior."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.densities.evaluation import evaluate_values
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_adaptation.candidates import Candidates, no_candidates
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, round_up, take_block
from gmmvi_jax.numerics.devices import fold_own_blocks, rows_per_visit
from gmmvi_jax.numerics.standard_normal import standard_normal_rows
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

# Keys of their own beside the numbers that the caller draws from the same key.
_PRIOR_STREAM = 0x7FFFFFFE
_TARGET_STREAM = 0x7FFFFFFF


class Search(NamedTuple):
    """Where candidates come from."""

    num_archive: int  # most candidates from the archive
    num_prior: int  # candidates to draw from the prior; each is a target evaluation
    prior_mean: Array  # [D]
    prior_deviation: Array  # [D] standard deviations


class Found(NamedTuple):
    """What a search found."""

    mean: Array  # [D] for a new component
    num_evaluations: Array  # [] int32 of the target


def archive_rows(offset: Array, archive: Archive, start: Array, limit: int) -> Array:
    """Returns [C] int32 which rows of the archive a chunk of candidates are.

    All of them where there are at most ``limit``, else evenly spaced ones (systematic sampling):
    they come from the whole run, and no generator has to be compiled into the loop.

    Args:
        offset: [] in [0, 1), random; where the first of them lies.
        archive: past samples.
        start: [] int32, the position of the chunk among the candidates.
        limit: most candidates.
    """
    positions = start + jnp.arange(archive.chunk_size, dtype=jnp.int32)
    count = jnp.maximum(archive.count, 1)
    places = offset * count + positions * (count / limit)
    spaced_rows = places.astype(jnp.int32) % count
    return jnp.where(archive.count <= limit, jnp.minimum(positions, count - 1), spaced_rows)


def find_mean(
    key: PRNGKey,
    log_target: LogDensity,
    mixture: PaddedMixture,
    archive: Archive,
    search: Search,
    offset: Array,
    threshold: Array,
) -> Found:
    """Returns the mean for a new component, see ``Candidates.best``.

    Args:
        key: PRNG key of candidates from the prior.
        log_target: log density of one point.
        mixture: the updated mixture.
        archive: past samples with their log target.
        search: where candidates come from.
        offset: [] in [0, 1), random, see ``archive_rows``.
        threshold: tau, scalar.
    """
    # Compiled for candidates from the prior alone: each hash is a loop of a dozen kernels.
    key_prior = jax.random.fold_in(key, _PRIOR_STREAM)
    key_target = jax.random.fold_in(key, _TARGET_STREAM)
    size, visit_size = archive.chunk_size, rows_per_visit(archive.chunk_size)
    dtype = mixture.log_weights.dtype
    num_old = jnp.minimum(archive.count, search.num_archive)
    num_new = jnp.asarray(search.num_prior, jnp.int32)
    # Candidates from the prior stand behind those of the archive.
    first_new = round_up(min(search.num_archive, archive.log_target.shape[0]), size)

    def prior_points(start: Array) -> Array:
        key_chunk = jax.random.fold_in(key_prior, start // size)
        noise = standard_normal_rows(key_chunk, size, mixture.dim, dtype)
        return search.prior_mean + search.prior_deviation * noise

    def add_old(start: Array, candidates: Candidates) -> Candidates:
        rows = archive_rows(offset, archive, start, search.num_archive)
        values = jnp.where(live_rows(start, size, num_old), archive.log_target[rows], -jnp.inf)
        return candidates.add(mixture, start, archive.points[rows], values, rows)

    def add_new(start: Array, candidates: Candidates) -> Candidates:
        place = start % size
        points = take_block(prior_points(start - place), place, visit_size)
        key_chunk = jax.random.fold_in(key_target, start - place)
        part = (place, size)
        values = evaluate_values(key_chunk, log_target, points, start, num_new, part)
        values = jnp.where(live_rows(start, visit_size, num_new), values, -jnp.inf)
        rows = jnp.zeros(visit_size, jnp.int32)
        return candidates.add(mixture, first_new + start, points, values, rows)

    candidates = no_candidates(first_new + round_up(search.num_prior, size), dtype)
    candidates = fold_blocks(num_old, size, add_old, candidates)
    if search.num_prior:
        with_new = fold_own_blocks(num_new, visit_size, add_new, candidates)
        candidates = with_new.merged(candidates, num_new, visit_size, first_new)
    position, is_any = candidates.best(threshold)
    mean = archive.points[candidates.rows[position]]
    if search.num_prior:
        place = position - first_new
        fresh = prior_points(place // size * size)[place % size]
        mean = jnp.where(place >= 0, fresh, mean)
    # No candidate has a usable value: the prior's mean is as good a guess as any.
    return Found(jnp.where(is_any, mean, search.prior_mean), num_new)
