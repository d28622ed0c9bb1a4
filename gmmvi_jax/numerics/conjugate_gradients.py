"""Preconditioned conjugate gradients for symmetric systems that may be singular."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from gmmvi_jax.typing import Array, PyTree

Vector = TypeVar("Vector", bound=PyTree)


class _Iterate(NamedTuple):
    solution: PyTree
    residual: PyTree
    direction: PyTree
    decrease: Array  # [] <residual, preconditioned residual>
    steepest: Array  # [] largest curvature so far, per squared length of its direction
    num_steps: Array  # [] int32
    is_stalled: Array  # [] bool


def inner_product(left: PyTree, right: PyTree) -> Array:
    """Returns the inner product of two vectors of the same structure."""
    products = jax.tree.map(lambda a, b: jnp.sum(a * b), left, right)
    return jax.tree.reduce(jnp.add, products)


def _advance(
    iterate: _Iterate,
    apply: Callable[[Vector], Vector],
    precondition: Callable[[Vector], Vector],
    lowest_curvature: Array | float,
) -> _Iterate:
    """Returns the next iterate; see ``conjugate_gradients``."""
    direction = iterate.direction
    image = apply(direction)
    curvature = inner_product(direction, image)
    steepness = curvature / inner_product(direction, direction)
    steepest = jnp.maximum(iterate.steepest, steepness)
    lowest = jnp.maximum(lowest_curvature, jnp.finfo(steepest.dtype).eps * steepest)
    # A NaN does not count as stalled, so that it reaches the solution.
    is_stalled = steepness <= lowest
    length = jnp.where(is_stalled, 0.0, iterate.decrease / curvature)
    residual = _add(iterate.residual, -length, image)
    preconditioned = precondition(residual)
    decrease = inner_product(residual, preconditioned)
    return _Iterate(
        solution=_add(iterate.solution, length, direction),
        residual=residual,
        direction=_add(preconditioned, decrease / iterate.decrease, direction),
        decrease=decrease,
        steepest=steepest,
        num_steps=iterate.num_steps + 1,
        is_stalled=is_stalled,
    )


def conjugate_gradients(
    apply: Callable[[Vector], Vector],
    right_side: Vector,
    precondition: Callable[[Vector], Vector],
    tolerance: float,
    max_steps: int,
    lowest_curvature: Array | float = 0.0,
) -> Vector:
    """Solves A x = b for a symmetric, positive semidefinite A, from x = 0.

    Every iterate lies in the span of the (preconditioned) images of b. The iteration stops at a
    direction whose curvature is zero up to rounding, so that where A is (nearly) singular the
    undetermined part of x stays zero.

    Args:
        apply: x -> A x.
        right_side: b, any pytree.
        precondition: x -> P x with P near the inverse of A, symmetric and positive definite.
        tolerance: stop at |b - A x| <= tolerance |b|.
        max_steps: stop after this many steps.
        lowest_curvature: stop at a direction whose curvature, per squared length, is not above
            this, or not above the largest one so far times the machine epsilon.

    Returns:
        x; not finite if b is not, or if its square overflows.
    """
    squared_target = tolerance**2 * inner_product(right_side, right_side)

    def should_continue(iterate: _Iterate) -> Array:
        remaining = inner_product(iterate.residual, iterate.residual)
        return (remaining > squared_target) & (iterate.num_steps < max_steps) & ~iterate.is_stalled

    def advance(iterate: _Iterate) -> _Iterate:
        return _advance(iterate, apply, precondition, lowest_curvature)

    direction = precondition(right_side)
    start = _Iterate(
        # Zero, or NaN if b is not finite or its square overflows, since no step is taken then.
        solution=jax.tree.map(lambda leaf: 0.0 * squared_target * leaf, right_side),
        residual=right_side,
        direction=direction,
        decrease=inner_product(right_side, direction),
        steepest=jnp.zeros_like(squared_target),
        num_steps=jnp.zeros((), jnp.int32),
        is_stalled=jnp.zeros((), bool),
    )
    return jax.lax.while_loop(should_continue, advance, start).solution


def _add(left: PyTree, factor: Array, right: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: a + factor * b, left, right)
