"""Tests of the archive against a plain list."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.samples.archive import Archive, empty_archive, store, thin
from gmmvi_jax.samples.batch import SampleBatch, empty_batch

from ..oracles import make_batch

D, CHUNK = 2, 4
BATCH_ROWS = 36
store_jit = jax.jit(functools.partial(store, first_row=jnp.zeros((), jnp.int32)))
thin_jit = jax.jit(thin)


@functools.cache
def new_archive(num_rows: int, keeps_history: bool = True) -> Archive:
    return empty_archive(num_rows, D, CHUNK, keeps_history, jnp.dtype(jnp.float32))


def numbered_batch(first: int, count: int) -> SampleBatch:
    """Returns samples that carry a running number in every field."""
    numbers = np.arange(first, first + count, dtype=float)
    points = numbers[:, None] * [1.0, -1.0]
    return make_batch(points, np.zeros(count), BATCH_ROWS, CHUNK, log_target=numbers + 0.5)


def stored_numbers(archive: Archive) -> list[int]:
    """Returns the numbers of the samples in the archive, having checked that rows are whole."""
    count = int(archive.count)
    points, log_target = np.asarray(archive.points)[:count], np.asarray(archive.log_target)[:count]
    np.testing.assert_array_equal(points[:, 1], -points[:, 0])
    np.testing.assert_array_equal(log_target, points[:, 0] + 0.5)
    return [int(number) for number in points[:, 0]]


def test_samples_are_appended_in_order() -> None:
    archive = new_archive(64)
    for first, count in ((0, 5), (5, 1), (6, 20)):
        archive = store_jit(archive, numbered_batch(first, count))
    assert stored_numbers(archive) == list(range(26))


@pytest.mark.parametrize("room", [25, 41, 64])
def test_the_archive_holds_every_strideth_sample_of_the_whole_run(room: int) -> None:
    generator = np.random.default_rng(room)
    archive, stride, seen = new_archive(room), 1, 0
    rows = archive.log_target.shape[0] - CHUNK  # the room, rounded up to whole chunks
    for _ in range(120):
        count = int(generator.choice([0, 1, 5, room // 2, min(rows, BATCH_ROWS) - 1]))
        archive = store_jit(archive, numbered_batch(seen, count))
        seen += count
        if len(range(0, seen, stride)) > rows:  # once per batch must do
            stride *= 2
        assert stored_numbers(archive) == list(range(0, seen, stride))
        assert int(archive.stride) == stride
        assert int(archive.count) <= rows
    assert stride >= 16


def test_the_oldest_samples_stay_as_long_as_the_newest() -> None:
    # Of 4,800 samples with room for 64, the first quarter has a quarter of the rows.
    archive = new_archive(64)
    for first in range(0, 4800, 8):
        archive = store_jit(archive, numbered_batch(first, 8))
    numbers = np.array(stored_numbers(archive))
    shares = np.histogram(numbers, bins=4, range=(0, 4800))[0] / len(numbers)
    np.testing.assert_allclose(shares, 0.25, atol=1.5 / len(numbers))
    assert len(numbers) > 32


def test_nothing_is_dropped_while_there_is_room() -> None:
    archive = store_jit(new_archive(24), numbered_batch(0, 12))
    assert stored_numbers(thin_jit(archive, jnp.asarray(12))) == list(range(12))
    assert stored_numbers(thin_jit(archive, jnp.asarray(13))) == list(range(0, 12, 2))


def test_only_samples_from_the_first_new_row_on_are_stored() -> None:
    archive = new_archive(64)
    batch = numbered_batch(100, 20)
    archive = store(archive, batch, jnp.asarray(15, jnp.int32))
    assert stored_numbers(archive) == [115, 116, 117, 118, 119]


def test_without_history_the_archive_is_the_last_batch() -> None:
    archive = new_archive(21, keeps_history=False)
    for first, count in ((0, 21), (21, 3), (24, 7), (31, 0)):
        archive = store_jit(archive, numbered_batch(first, count))
        assert stored_numbers(archive) == list(range(first, first + count))


@pytest.mark.parametrize("keeps_history", [True, False])
def test_samples_without_weight_are_stored_as_minus_infinity(keeps_history: bool) -> None:
    log_background = np.array([0.0, np.inf, -3.0, np.inf, 2.0, -1e4])
    log_target = np.array([1.0, 0.0, -1e30, 0.0, 5.0, 6.0])
    points = np.arange(12.0).reshape(6, 2)
    batch = make_batch(points, log_background, BATCH_ROWS, CHUNK, log_target=log_target)
    archive = store_jit(new_archive(21, keeps_history), batch)
    expected = np.where(np.isfinite(log_background), log_target, -np.inf).astype(np.float32)
    assert archive.count == 6
    np.testing.assert_array_equal(np.asarray(archive.points)[:6], points)
    np.testing.assert_array_equal(np.asarray(archive.log_target)[:6], expected)


@pytest.mark.parametrize(("num_rows", "chunk_size"), [(1, 4), (8, 4), (9, 4), (7, 7)])
def test_buffers_are_whole_chunks_with_one_chunk_to_spare(num_rows: int, chunk_size: int) -> None:
    dtype = jnp.dtype(jnp.float32)
    batch = empty_batch(num_rows, D, chunk_size, dtype)
    archive = empty_archive(num_rows, D, chunk_size, True, dtype)
    assert batch.target_gradient is not None
    for leaf in (batch.points, batch.log_target, batch.target_gradient, batch.usable):
        assert leaf.shape[0] % chunk_size == 0
        assert leaf.shape[0] >= num_rows + chunk_size
    assert archive.points.shape[0] == archive.log_target.shape[0] >= num_rows + chunk_size
    assert batch.num_samples == batch.num_usable == archive.count == 0
