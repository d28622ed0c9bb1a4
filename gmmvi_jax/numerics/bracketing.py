"""A monotone equation in one positive unknown, solved in log space from a bracket."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from gmmvi_jax.typing import Array

RELATIVE_TOLERANCE = 1e-3  # how far below the bound a divergence may stay
MAX_ITERATIONS = 60


_LARGEST_EXCESS = 80.0  # replaces log(inf), to keep the secant finite


class BoundSolution(NamedTuple):
    """The solution of ``meet_bound``."""

    value: Array  # of the unknown
    divergence: Array  # at ``value``, up to the rounding of exp(log(value))


class _Search(NamedTuple):
    infeasible: Array  # log of the unknown where the divergence exceeds the bound
    feasible: Array  # log of the unknown where it does not
    divergence: Array  # at ``feasible``
    infeasible_excess: Array  # log(divergence / bound) at ``infeasible``, positive
    feasible_excess: Array  # the same at ``feasible``, not positive
    iteration: Array


def _propose(search: _Search, log_preferred: Array) -> Array:
    """Returns the logarithm of the value to try next."""
    share = search.feasible_excess / (search.feasible_excess - search.infeasible_excess)
    # Aim inside the tolerance, so that the secant lands on the feasible side.
    share = jnp.where(search.iteration % 2 == 0, share * (1.0 - 1e-4), 0.5)
    inside = search.feasible + share * (search.infeasible - search.feasible)
    # Start with the preferred value, then the feasible end: the secant needs its divergence.
    later = jnp.where(search.iteration == 1, search.feasible, inside)
    return jnp.where(search.iteration == 0, log_preferred, later)


def _record(search: _Search, candidate: Array, found: Array, bound: Array) -> _Search:
    """Returns the bracket narrowed by the divergence ``found`` at a candidate."""
    ratio = found / bound
    ratio = jnp.where(jnp.isnan(ratio), jnp.inf, ratio)
    tiny = jnp.finfo(bound.dtype).tiny
    excess = jnp.minimum(jnp.log(jnp.maximum(ratio, tiny)), _LARGEST_EXCESS)
    is_first = search.iteration == 0
    is_feasible = excess <= 0.0
    # A feasible preferred value ends the search: its excess is set to 0.
    feasible_excess = jnp.where(is_first, 0.0, excess)
    replaces_infeasible = ~is_feasible & ~is_first
    # The feasible end is the fallback, whatever its divergence.
    is_kept = is_feasible | (search.iteration == 1)
    return _Search(
        infeasible=jnp.where(replaces_infeasible, candidate, search.infeasible),
        feasible=jnp.where(is_feasible, candidate, search.feasible),
        divergence=jnp.where(is_kept, found, search.divergence),
        infeasible_excess=jnp.where(replaces_infeasible, excess, search.infeasible_excess),
        feasible_excess=jnp.where(is_feasible, feasible_excess, search.feasible_excess),
        iteration=search.iteration + 1,
    )


def meet_bound(
    divergence: Callable[[Array], Array],
    bound: Array,
    preferred: Array,
    infeasible: Array,
    feasible: Array,
) -> BoundSolution:
    """Returns ``preferred`` if it satisfies the bound, else the value that meets the bound.

    A trust region's divergence is nearly a power of the step, so its logarithm is nearly
    linear in the logarithm of the unknown, and the secant converges in a few evaluations.
    Every other iteration bisects, which bounds the number of iterations in other cases. The
    divergence appears once in the compiled program.

    Args:
        divergence: monotone function of the unknown, may be inf.
        bound: the value to meet, positive.
        preferred: positive, tried first.
        infeasible: positive end of the bracket where the divergence exceeds the bound, if it
            does at ``preferred``.
        feasible: positive end where it does not; it may lie on either side of ``infeasible``.

    Returns:
        ``preferred``; or a feasible value whose divergence is in
        [(1 - RELATIVE_TOLERANCE) bound, bound]; or the best one after ``MAX_ITERATIONS``. Its
        divergence is returned too.
    """
    log_preferred = jnp.log(preferred)

    def unfinished(search: _Search) -> Array:
        too_small = search.feasible_excess < jnp.log1p(-RELATIVE_TOLERANCE)
        return too_small & (search.iteration < MAX_ITERATIONS)

    def advance(search: _Search) -> _Search:
        candidate = _propose(search, log_preferred)
        return _record(search, candidate, divergence(jnp.exp(candidate)), bound)

    start = _Search(
        infeasible=jnp.log(infeasible),
        feasible=jnp.log(feasible),
        divergence=jnp.zeros_like(log_preferred),
        infeasible_excess=jnp.full_like(log_preferred, _LARGEST_EXCESS),
        feasible_excess=jnp.full_like(log_preferred, -_LARGEST_EXCESS),
        iteration=jnp.zeros((), jnp.int32),
    )
    found = lax.while_loop(unfinished, advance, start)
    # Not exp(log(preferred)), which would round the full step.
    value = jnp.where(found.feasible == log_preferred, preferred, jnp.exp(found.feasible))
    return BoundSolution(value, found.divergence)
