"""The archive: samples of the whole run, evenly spread, that candidates come from."""

import dataclasses

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.blocks import fold_blocks, put_block, round_up
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class Archive:
    """Samples of the past with their log target density, evenly spread over the run.

    Row i holds the run's sample number ``i * stride``. When the archive is full every second row
    goes and the stride doubles: of the first samples, which the widest components drew, it keeps
    as large a share as of the last ones. They are where modes that are missing show.
    """

    points: Array  # [S, D]
    log_target: Array  # [S]; -inf outside of the support, and where the value is not usable
    count: Array  # [] int32 live rows
    stride: Array  # [] int32, a power of two
    skip: Array  # [] int32, how many of the next samples come before the next one to keep
    chunk_size: int = dataclasses.field(metadata={"static": True})
    keeps_history: bool = dataclasses.field(metadata={"static": True})  # else: last batch only


def empty_archive(
    num_rows: int, dim: int, chunk_size: int, keeps_history: bool, dtype: jnp.dtype
) -> Archive:
    """Returns an archive without samples, with room for ``num_rows`` of them."""
    # The last chunk of a batch may stick out.
    capacity = round_up(num_rows, chunk_size) + chunk_size if num_rows else 0
    return Archive(
        points=jnp.zeros((capacity, dim), dtype),
        log_target=jnp.zeros(capacity, dtype),
        count=jnp.zeros((), jnp.int32),
        stride=jnp.ones((), jnp.int32),
        skip=jnp.zeros((), jnp.int32),
        chunk_size=chunk_size,
        keeps_history=keeps_history,
    )


def thin(archive: Archive, num_new: Array) -> Archive:
    """Drops every second sample if what is kept of ``num_new`` more would not fit, else nothing."""
    size = archive.chunk_size
    room = archive.log_target.shape[0] - size
    kept = (archive.count + 1) // 2
    is_full = archive.count + _num_kept(archive, num_new) > room

    def gather(start: Array, rows: tuple[Array, Array]) -> tuple[Array, Array]:
        # In place: row i comes from row 2i >= i, and chunks are visited in ascending order.
        sources = 2 * (start + jnp.arange(size, dtype=jnp.int32))
        sources = jnp.minimum(sources, archive.count - 1)
        return put_block(rows, jax.tree.map(lambda array: array[sources], rows), start)

    num_moved = jnp.where(is_full, kept, 0)
    points, log_target = fold_blocks(num_moved, size, gather, (archive.points, archive.log_target))
    # The next number to keep must be a multiple of the new stride.
    odd = archive.count % 2
    return dataclasses.replace(
        archive,
        points=points,
        log_target=log_target,
        count=jnp.where(is_full, kept, archive.count),
        stride=jnp.where(is_full, 2 * archive.stride, archive.stride),
        skip=jnp.where(is_full, archive.skip + odd * archive.stride, archive.skip),
    )


def _num_kept(archive: Archive, num_new: Array) -> Array:
    """Returns [] how many of the next ``num_new`` samples the archive keeps."""
    return jnp.maximum(num_new - archive.skip + archive.stride - 1, 0) // archive.stride


def store(archive: Archive, batch: SampleBatch, first_row: Array) -> Archive:
    """Returns the archive with the samples of ``batch`` from ``first_row`` on in it."""
    if archive.log_target.shape[0] == 0:
        return archive  # nobody looks for candidates
    num_new = batch.num_samples - first_row
    if archive.keeps_history:
        archive = thin(archive, num_new)
        first = archive.count
    else:
        first = jnp.zeros((), jnp.int32)
    num_kept = _num_kept(archive, num_new)
    last_row = batch.num_samples - 1

    def copy(start: Array, rows: tuple[Array, Array]) -> tuple[Array, Array]:
        numbers = start + jnp.arange(batch.chunk_size, dtype=jnp.int32)
        sources = first_row + archive.skip + archive.stride * numbers
        points, log_target, outside, usable = jax.tree.map(
            lambda array: array[jnp.minimum(sources, last_row)],
            (batch.points, batch.log_target, batch.outside, batch.usable),
        )
        has_mass = usable & ~outside
        return put_block(rows, (points, jnp.where(has_mass, log_target, -jnp.inf)), first + start)

    points, log_target = fold_blocks(
        num_kept, batch.chunk_size, copy, (archive.points, archive.log_target)
    )
    return dataclasses.replace(
        archive,
        points=points,
        log_target=log_target,
        count=first + num_kept,
        skip=archive.skip + num_kept * archive.stride - num_new,
    )
