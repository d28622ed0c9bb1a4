"""Tests of the blocked loops against slices and sums of the whole buffer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, round_up, take_block
from gmmvi_jax.typing import Array

SIZE, NUM_BLOCKS = 3, 4
ROWS = SIZE * NUM_BLOCKS
VALUES = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)


@jax.jit
def visits(count: Array) -> tuple[Array, Array]:
    """Returns the first row of each visited block, in order, and how many there were."""

    def note(start: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        starts, place = carry
        return starts.at[place].set(start), place + 1

    return fold_blocks(count, SIZE, note, (jnp.full(NUM_BLOCKS, -1), jnp.zeros((), jnp.int32)))


@jax.jit
def live_sum(values: Array, count: Array) -> Array:
    def add(start: Array, total: Array) -> Array:
        live = live_rows(start, SIZE, count)
        return total + jnp.sum(jnp.where(live[:, None], take_block(values, start, SIZE), 0.0), 0)

    return fold_blocks(count, SIZE, add, jnp.zeros(2))


@jax.jit
def negate_live_blocks(tree: dict[str, Array], count: Array) -> dict[str, Array]:
    def negate(start: Array, tree: dict[str, Array]) -> dict[str, Array]:
        block = take_block(tree, start, SIZE)
        return put_block(tree, {"a": -block["a"], "b": -block["b"].astype(jnp.float32)}, start)

    return fold_blocks(count, SIZE, negate, tree)


@pytest.mark.parametrize("count", range(ROWS + 1))
def test_every_block_with_a_live_row_is_visited_once_in_order(count: int) -> None:
    starts, num_visits = visits(jnp.asarray(count))
    expected = list(range(0, count, SIZE))
    assert num_visits == len(expected)
    assert list(np.asarray(starts[: len(expected)])) == expected


@pytest.mark.parametrize("count", [0, 1, 3, 4, 11, 12])
def test_a_masked_sum_over_blocks_is_the_sum_of_the_live_rows(count: int) -> None:
    blocked = live_sum(VALUES, jnp.asarray(count))
    np.testing.assert_allclose(blocked, VALUES[:count].sum(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 4, 12])
def test_written_blocks_change_their_rows_alone_and_keep_the_dtype(count: int) -> None:
    integers = np.arange(ROWS, dtype=np.int32)
    changed = negate_live_blocks({"a": VALUES, "b": integers}, jnp.asarray(count))
    sign = np.where(np.arange(ROWS) < round_up(count, SIZE), -1, 1)
    np.testing.assert_array_equal(changed["a"], VALUES * sign[:, None])
    np.testing.assert_array_equal(changed["b"], integers * sign)
    assert changed["b"].dtype == jnp.int32


@pytest.mark.parametrize(
    ("count", "size", "expected"), [(0, 4, 0), (1, 4, 4), (4, 4, 4), (5, 4, 8), (7, 1, 7)]
)
def test_rounding_up_gives_the_smallest_multiple(count: int, size: int, expected: int) -> None:
    assert round_up(count, size) == expected


@pytest.mark.parametrize("count", [1, 4])
def test_no_block_is_left_out_where_the_count_is_known_to_the_compiler(count):
    _, num_visited = jax.jit(lambda: visits(jnp.asarray(count)))()
    assert num_visited == -(-count // SIZE)
