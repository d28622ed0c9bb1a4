"""Loops over blocks of rows with a traced trip count.

XLA needs static shapes, while the number of active components and samples changes from
iteration to iteration. Buffers therefore have a static capacity, and every pass over them
visits only the blocks that hold live rows: the trip count is traced, the block size static.
A block size must divide the buffer, since ``dynamic_slice`` silently clamps at the end.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.typing import Array, PyTree

Carry = TypeVar("Carry")


def round_up(count: int, block_size: int) -> int:
    """Returns the smallest multiple of ``block_size`` that is at least ``count``."""
    return -(-count // block_size) * block_size


def take_block(tree: PyTree, start: Array, size: int) -> PyTree:
    """Returns rows ``start : start + size`` of every array in ``tree``."""
    # Indices are never negative. Declaring it halves the number of kernels to compile.
    return jax.tree.map(
        lambda array: lax.dynamic_slice_in_dim(array, start, size, allow_negative_indices=False),
        tree,
    )


def put_block(tree: PyTree, block: PyTree, start: Array) -> PyTree:
    """Returns ``tree`` with ``block`` written over the rows from ``start`` on."""
    return jax.tree.map(
        lambda array, rows: lax.dynamic_update_slice_in_dim(
            array, rows.astype(array.dtype), start, 0, allow_negative_indices=False
        ),
        tree,
        block,
    )


def take_row(tree: PyTree, index: Array) -> PyTree:
    """Returns row ``index`` of every array in ``tree``, without the leading axis."""
    return jax.tree.map(lambda array: array[0], take_block(tree, index, 1))


def put_row(tree: PyTree, row: PyTree, index: Array) -> PyTree:
    """Returns ``tree`` with ``row`` written over row ``index``."""
    return put_block(tree, jax.tree.map(lambda array: array[None], row), index)


def live_rows(start: Array, size: int, count: Array) -> Array:
    """Returns [size] whether the rows from ``start`` on are below ``count``."""
    return start + jnp.arange(size, dtype=jnp.int32) < count


def fold_blocks(
    count: Array, size: int, body: Callable[[Array, Carry], Carry], initial: Carry
) -> Carry:
    """Folds ``body(start, carry)`` over the blocks that hold the first ``count`` rows.

    Args:
        count: number of live rows, int32 scalar, traced.
        size: rows per block.
        body: called with the first row of each block (int32) and the carry.
        initial: the carry before the first block.

    Returns:
        The carry after the last block; ``initial`` where ``count`` is 0.
    """
    # Hidden from XLA, which leaves out the last block where it knows the count and the size does
    # not divide it (openxla/xla pull request 48454).
    count = lax.optimization_barrier(jnp.asarray(count, jnp.int32))
    _, carry = lax.while_loop(
        lambda loop: loop[0] < count,
        lambda loop: (loop[0] + size, body(loop[0], loop[1])),
        (jnp.zeros((), jnp.int32), initial),
    )
    return carry
