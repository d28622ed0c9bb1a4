"""Evaluating the user's log density, in chunks, only where somebody asked."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.typing import Array, LogDensity


def value_and_gradient(log_target: LogDensity) -> Callable[[Array], tuple[Array, Array]]:
    """Returns the function of one point that gives the log density and its gradient.

    A target may bring a method ``value_and_grad(point)``; otherwise autodiff makes it.
    """
    own: Any = getattr(log_target, "value_and_grad", None)
    return jax.value_and_grad(log_target) if own is None else own


def evaluate_rows(
    log_target: LogDensity,
    points: Array,
    num_rows: Array,
    chunk_size: int,
    values: Array,
    gradients: Array,
) -> tuple[Array, Array]:
    """Evaluates the target and its gradient at the first ``num_rows`` points.

    Rows of the last chunk beyond ``num_rows`` repeat its first point, so that a target never
    sees a point that nobody asked for; they are not to be counted.

    Args:
        log_target: log density of one point.
        points: [N, D].
        num_rows: [] int32.
        chunk_size: rows per vectorised call, divides N.
        values: [N] buffer, overwritten.
        gradients: [N, D] buffer, overwritten.
    """
    function = jax.vmap(value_and_gradient(log_target))

    def evaluate(start: Array, buffers: tuple[Array, Array]) -> tuple[Array, Array]:
        return put_block(buffers, function(_asked(points, start, chunk_size, num_rows)), start)

    return fold_blocks(num_rows, chunk_size, evaluate, (values, gradients))


def evaluate_values(log_target: LogDensity, points: Array, start: Array, num_rows: Array) -> Array:
    """Returns [C] the log density of one chunk of points [C, D], without its gradient.

    Args:
        log_target: log density of one point.
        points: [C, D] the chunk.
        start: index of the chunk's first row.
        num_rows: rows from here on repeat the chunk's first point, and are not to be counted.
    """
    live = live_rows(start, points.shape[0], num_rows)
    return jax.vmap(log_target)(jnp.where(live[:, None], points, points[0]))


def _asked(points: Array, start: Array, chunk_size: int, num_rows: Array) -> Array:
    chunk = take_block(points, start, chunk_size)
    return jnp.where(live_rows(start, chunk_size, num_rows)[:, None], chunk, chunk[0])


def as_log_density(log_target: Any) -> Any:
    """Returns the target as a callable pytree, to be passed to compiled functions.

    A target that is a pytree (one that carries data) passes its data as arguments; a plain
    function becomes part of the compiled program.

    Raises:
        TypeError: it cannot be called.
    """
    if not callable(log_target):
        raise TypeError(
            f"log_target must be a function of one point [D], got {type(log_target).__name__}."
        )
    is_leaf = jax.tree.structure(log_target) == jax.tree.structure(0)
    return jax.tree_util.Partial(log_target) if is_leaf else log_target
