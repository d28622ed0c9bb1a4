"""Evaluation of the user's log density in chunks, without evaluating masked points.

``typing.LogDensity`` documents the optional attributes of a target.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.blocks import put_block, take_block
from gmmvi_jax.numerics.devices import fold_own_blocks, rows_per_visit
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

Carry = TypeVar("Carry")


def is_stochastic(log_target: LogDensity) -> bool:
    """Returns whether the target takes a key."""
    return bool(getattr(log_target, "is_stochastic", False))


def has_gradient(log_target: LogDensity) -> bool:
    """Returns whether the target can be differentiated."""
    return bool(getattr(log_target, "has_gradient", True))


def value_and_gradient(log_target: LogDensity) -> Callable[..., tuple[Array, Array]]:
    """Returns a function from one point (and a key) to the log density and its gradient.

    This is the target's method ``value_and_grad`` if it has one, else automatic differentiation.
    """
    own: Any = getattr(log_target, "value_and_grad", None)
    return jax.value_and_grad(log_target) if own is None else own


def full_density(log_target: LogDensity) -> LogDensity:
    """Returns the target's ``full`` log density if it has one, else the target itself.

    Reports (the ELBO, plots) use it to avoid the noise of minibatches.
    """
    full: Any = getattr(log_target, "full", None)
    return log_target if full is None else full


def deterministic_density(log_target: LogDensity) -> Callable[[Array], Array]:
    """Returns a function of one point: ``full``, or the target with a fixed key."""
    density = full_density(log_target)
    if is_stochastic(density):
        return lambda point: density(point, jax.random.key(0))
    return density


def evaluate_chunk(
    key: PRNGKey,
    log_target: LogDensity,
    chunk: Array,
    num_live: Array,
    with_gradient: bool,
    part: tuple[Array, int] | None = None,
) -> tuple[Array, Array | None]:
    """Returns [C] the values at a chunk [C, D] of points, and [C, D] their gradients or None.

    Args:
        key: of the chunk; used if the target is stochastic.
        log_target: log density of one point.
        chunk: [C, D].
        num_live: [] int32, number of live rows; the others repeat the first.
        with_gradient: whether to differentiate; else the gradients are None.
        part: first row and number of rows of a larger chunk, of which this is a part and whose the
            key is.
    """
    num_rows = chunk.shape[0]
    is_live = jnp.arange(num_rows, dtype=jnp.int32) < num_live
    chunk = jnp.where(is_live[:, None], chunk, chunk[0])
    evaluate_batch: Any = getattr(log_target, "evaluate_batch", None)
    if evaluate_batch is not None:
        return evaluate_batch(chunk, num_live, with_gradient)
    arguments = (chunk,)
    if is_stochastic(log_target):
        first, size = (jnp.zeros((), jnp.int32), num_rows) if part is None else part
        keys = jax.random.split(key, size)
        arguments = (chunk, take_block(keys, first, num_rows))
    if with_gradient:
        return jax.vmap(value_and_gradient(log_target))(*arguments)
    return jax.vmap(log_target)(*arguments), None


def fold_evaluations(
    key: PRNGKey,
    log_target: LogDensity,
    points: Array,
    first_row: Array,
    num_rows: Array,
    chunk_size: int,
    with_gradient: bool,
    body: Callable[[Array, Array, Array | None, Carry], Carry],
    initial: Carry,
) -> Carry:
    """Folds ``body(start, values, gradients, carry)`` over chunks of evaluated rows.

    Devices that share the run visit a part of each chunk; see ``numerics.devices``.

    Rows of the last chunk beyond ``num_rows`` repeat the chunk's first point, so that a target
    never sees a masked point; they must not be counted.

    Args:
        key: PRNG key; used if the target is stochastic.
        log_target: log density of one point.
        points: [N, D], with at least ``chunk_size`` spare rows at the end.
        first_row: [] int32.
        num_rows: [] int32, the end of the range of rows.
        chunk_size: C, rows per vectorised call.
        with_gradient: whether to compute the gradients [C, D]; else they are None.
        body: called for each chunk; ``start`` is its first row.
        initial: the carry before the first chunk.
    """
    size = rows_per_visit(chunk_size)

    def evaluate(offset: Array, carry: Carry) -> Carry:
        start = first_row + offset
        chunk = take_block(points, start, size)
        place = offset % chunk_size
        chunk_key = jax.random.fold_in(key, offset - place)
        num_live = jnp.minimum(num_rows - start, size)
        part = (place, chunk_size)
        values, gradients = evaluate_chunk(
            chunk_key, log_target, chunk, num_live, with_gradient, part
        )
        return body(start, values, gradients, carry)

    return fold_own_blocks(num_rows - first_row, size, evaluate, initial)


def evaluate_rows(
    key: PRNGKey,
    log_target: LogDensity,
    points: Array,
    first_row: Array,
    num_rows: Array,
    chunk_size: int,
    values: Array,
    gradients: Array | None,
) -> tuple[Array, Array | None]:
    """Evaluates the target, and optionally its gradient, at the rows ``first_row : num_rows``.

    Args:
        key: see ``fold_evaluations``, also for the other arguments.
        log_target: log density of one point.
        points: [N, D].
        first_row: [] int32.
        num_rows: [] int32.
        chunk_size: rows per vectorised call.
        values: [N] buffer, overwritten.
        gradients: [N, D] buffer, overwritten; None to compute no gradient.
    """

    def keep(
        start: Array, value: Array, gradient: Array | None, buffers: tuple[Array, Array | None]
    ) -> tuple[Array, Array | None]:
        return put_block(buffers, (value, gradient), start)

    return fold_evaluations(
        key,
        log_target,
        points,
        first_row,
        num_rows,
        chunk_size,
        gradients is not None,
        keep,
        (values, gradients),
    )


def evaluate_values(
    key: PRNGKey,
    log_target: LogDensity,
    points: Array,
    start: Array,
    num_rows: Array,
    part: tuple[Array, int] | None = None,
) -> Array:
    """Returns [C] the log density of one chunk of points [C, D], without its gradient.

    Args:
        key: PRNG key of the chunk; used if the target is stochastic.
        log_target: log density of one point.
        points: [C, D] the chunk.
        start: index of the chunk's first row.
        num_rows: rows from here on repeat the chunk's first point, and must not be counted.
        part: see ``evaluate_chunk``.
    """
    num_live = jnp.clip(num_rows - start, 0, points.shape[0])
    return evaluate_chunk(key, log_target, points, num_live, False, part)[0]
