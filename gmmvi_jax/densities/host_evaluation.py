"""A chunk of points, evaluated on the host: what JAX calls for a black box."""

import contextlib
import itertools
import warnings
from typing import Any

import jax
import numpy as np

from gmmvi_jax.densities.host_calls import Calls, Failure, call_all
from gmmvi_jax.densities.host_errors import is_withheld, kept_errors, name_place
from gmmvi_jax.densities.host_results import checked_results
from gmmvi_jax.densities.host_words import host_from_words, host_to_words
from gmmvi_jax.densities.workers import Workers
from gmmvi_jax.typing import PyTree

Results = tuple[np.ndarray, PyTree]


def called_by_jax(
    calls: Calls,
    workers: Workers | None,
    told: set[type],
    with_gradient: bool,
    dtype: Any,
    is_shared: bool,
    points: PyTree,
    num_live: Any,
) -> Results:
    """Returns values and gradients (or None) of a chunk; float64 arrays are in words.

    Args:
        calls: the functions.
        workers: that call them; None for this thread.
        told: the types of exceptions that the user was warned of; grows.
        with_gradient: whether to return gradients.
        dtype: of the values.
        is_shared: whether several devices share the run. Then an error is raised later, see
            ``kept_errors``, and the results are NaN.
        points: [..., C, D], or a pytree of such arrays; float64 in words.
        num_live: [...] int32, number of live rows; may be negative.
    """
    points = jax.tree.map(host_from_words, points)
    num_live = np.asarray(num_live)
    chunk = jax.tree.leaves(points)[0].shape[num_live.ndim]
    live = np.arange(chunk) < num_live[..., None]  # [..., C]
    values = np.zeros(live.shape, dtype)
    gradients = jax.tree.map(np.zeros_like, points) if with_gradient else None
    asked = jax.tree.map(lambda leaf: leaf[live], points)  # [n, D]
    found = _unusable(asked, dtype, with_gradient)
    if live.any() and not (is_shared and is_withheld()):
        with kept_errors(withhold=is_shared):
            found = _evaluate(calls, workers, told, asked, found)

    def store(buffer: np.ndarray, rows: np.ndarray) -> None:
        buffer[live] = rows

    jax.tree.map(store, (values, gradients), found)
    return jax.tree.map(host_to_words, (values, gradients))


def _unusable(points: PyTree, dtype: Any, with_gradient: bool) -> Results:
    """Returns NaN for every point of [n, D]."""
    values = np.full(len(jax.tree.leaves(points)[0]), np.nan, dtype)
    gradients = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), points)
    return values, gradients if with_gradient else None


def _evaluate(
    calls: Calls, workers: Workers | None, told: set[type], points: PyTree, results: Results
) -> Results:
    """Returns the results of points [n, D].

    Args:
        calls: the functions.
        workers: that call them.
        told: see ``called_by_jax``.
        points: [n, D], n > 0, or a pytree of such arrays.
        results: NaN, to be overwritten where there are results.
    """
    values, gradients = results
    with_gradient = gradients is not None
    every = range(len(values))
    groups = [slice(None)] if workers is None else workers.groups(len(values), calls.batched)
    rows_of_jobs = [[group] if calls.batched else list(every[group]) for group in groups]
    jobs = [[_take(points, row) for row in rows] for rows in rows_of_jobs]
    if workers is None:
        outcomes = call_all(calls, jobs[0], with_gradient)
    else:
        outcomes = workers.call_all(calls, jobs, with_gradient)
    # Closed at once where an error ends it: that cancels jobs.
    with contextlib.closing(outcomes):
        for row, outcome in zip(itertools.chain(*rows_of_jobs), outcomes, strict=True):
            if isinstance(outcome, Failure):
                # A call of all points says nothing of where it failed.
                is_known = workers is not None or not calls.batched
                where = _where(_take(points, row), calls.batched) if is_known else ""
                _raise_or_warn(outcome, where, calls, told)
                continue
            values[row] = checked_results("function", outcome.value, values[row], calls.batched)
            if with_gradient:
                like = _take(gradients, row)
                slopes = checked_results("gradient", outcome.gradient, like, calls.batched)
                jax.tree.map(lambda leaf, own, row=row: _put(leaf, row, own), gradients, slopes)
    return results


def _take(points: PyTree, row: slice | int) -> Any:
    return jax.tree.map(lambda leaf: leaf[row], points)


def _put(buffer: np.ndarray, row: slice | int, found: np.ndarray) -> None:
    buffer[row] = found


def _raise_or_warn(failure: Failure, where: str, calls: Calls, told: set[type]) -> None:
    """Raises what a call raised; or warns of it, if it is the first of its type."""
    error = failure.error
    place = f"in the {failure.name} of this black box{where}"
    if not calls.keeps_on:
        if where:
            name_place(error, place, failure.remote)
        raise error
    if type(error) not in told:
        told.add(type(error))
        warnings.warn(
            f'{type(error).__name__}: {error} (raised {place}). on_error="nan" takes the log '
            f"density for NaN at the points of such a call, and this is the only warning of errors "
            f"of this type.",
            stacklevel=2,
        )


def _where(piece: PyTree, batched: bool) -> str:
    def short(leaf: Any) -> str:
        return " ".join(np.array2string(np.asarray(leaf), threshold=8).split())

    shown = jax.tree.map(short, _take(piece, 0) if batched else piece)
    count = len(jax.tree.leaves(piece)[0]) if batched else 1
    return (
        f", at the point {shown}" if count == 1 else f", at one of {count} points, from {shown} on"
    )
