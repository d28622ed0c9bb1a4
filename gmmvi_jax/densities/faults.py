"""Faults of a target's samples, with a message and a fix for each cause."""

import enum
import itertools
from collections.abc import Iterable, Sequence, Set
from typing import Any

import jax

from gmmvi_jax.densities.position import PositionLayout

_MOST_NAMES = 8  # coordinates or leaves that a message lists


class Fault(enum.StrEnum):
    """A kind of fault; its value is the column of the history that counts it."""

    OUTSIDE = "num_outside_samples"
    NAN_VALUE = "num_nan_values"
    INFINITE_VALUE = "num_infinite_values"
    NONFINITE_GRADIENT = "num_nonfinite_gradients"
    ZERO_GRADIENT = "num_zero_gradients"


def primitives_of(jaxpr: Any) -> Set[str]:
    """Returns the names of the primitives in a jaxpr, including nested ones."""
    names = set()
    for equation in jaxpr.eqns:
        names.add(equation.primitive.name)
        for inner in jax.tree.leaves(list(equation.params.values())):
            if hasattr(inner, "eqns"):  # a jaxpr, closed or not
                names |= primitives_of(inner)
    return names


def calls_host(primitives: Set[str]) -> bool:
    """Returns whether a function with these primitives calls back into Python."""
    return any("callback" in name for name in primitives)


def describe(fault: Fault, where: str, primitives: Set[str], coordinates: str = "") -> str:
    """Returns a message that describes a fault and how to fix it.

    Args:
        fault: the kind of fault.
        where: e.g. "at 3 of 500 samples", "at the initial point [0. 0.]".
        primitives: of the target's jaxpr; they determine which fix is suggested.
        coordinates: coordinates or leaves in which a gradient is not finite, if known.
    """
    if fault is Fault.OUTSIDE:
        return (
            f"the log density is -inf {where}: none of them lies in its support. Start inside of "
            f"it: choose prior_mean and prior_scale (or initial=) such that draws of the initial "
            f"mixture lie in the support."
        )
    if fault is Fault.NAN_VALUE:
        return f"the log density is NaN {where}. {_cure_of_nan(primitives)}"
    if fault is Fault.INFINITE_VALUE:
        return (
            f"the log density is +inf {where}: it overflows, or the density is unbounded. Compute "
            f"it in logarithms, or bound the parameter that shrinks to 0."
        )
    if fault is Fault.NONFINITE_GRADIENT:
        place = f" in {coordinates}" if coordinates else ""
        return (
            f"the log density is finite {where}, but its gradient is NaN or infinite{place}. "
            f"{_cure_of_gradient(primitives)}"
        )
    return (
        f"the gradient of the log density is exactly zero {where}, so a first-order estimate (S) "
        f"learns nothing from it. Take a variant that reads values instead, with Z in place of S: "
        f"vips()."
    )


def _cure_of_nan(primitives: Set[str]) -> str:
    if {"logistic", "log"} <= primitives:
        return (
            "The log of a sigmoid is 0 * -inf or log(0) far out: write jax.nn.log_sigmoid(x), and "
            "jax.nn.log_sigmoid(-x) for log(1 - sigmoid(x))."
        )
    if "cholesky" in primitives:
        return (
            "A Cholesky factor is NaN where its matrix is not positive definite in this precision: "
            "add more to the diagonal, or enable float64 (jax_enable_x64)."
        )
    if calls_host(primitives):
        return (
            "Points at which a simulator failed are left out, which does no harm while they are "
            "few; where the density is zero return -inf."
        )
    return (
        "Where the density is zero return -inf, jnp.where(inside, value, -jnp.inf); elsewhere look "
        "for 0 * inf, inf - inf, or the log or root of a negative number (jax_debug_nans)."
    )


def _cure_of_gradient(primitives: Set[str]) -> str:
    without = "Or take a variant that needs no gradient, with Z in place of S: vips()."
    root = "A root or a norm has no finite gradient at 0: add a small number below the root. "
    double = (
        "A jnp.where differentiates both branches, also the one that is not finite. Use the double "
        "where: safe = jnp.where(ok, x, 1.0); jnp.where(ok, f(safe), other). "
    )
    has_root = bool(primitives & {"sqrt", "rsqrt", "pow"})
    if has_root and "select_n" in primitives:  # either may be the cause
        return f"{root}{double}{without}"
    if "select_n" in primitives:
        return double + without
    if has_root:
        return (
            "A root or a norm has no finite gradient at 0: add a small number below the root, or "
            "use the double where: safe = jnp.where(ok, x, 1.0); jnp.where(ok, f(safe), 0.0). "
            + without
        )
    return without


def name_coordinates(indices: Iterable[int], layout: PositionLayout | None) -> str:
    """Returns a description such as "coordinates 0..5, 8", or the leaves of a position.

    Args:
        indices: of the coordinates.
        layout: of the position, if it is a pytree.
    """
    indices = sorted(indices)
    if layout is not None:
        ends = list(itertools.accumulate(layout.sizes))
        leaves = [
            path
            for path, end, size in zip(layout.paths, ends, layout.sizes, strict=True)
            if any(end - size <= index < end for index in indices)
        ]
        return f"{'leaf' if len(leaves) == 1 else 'leaves'} {_listed(leaves)}"
    ranges = []
    for _, group in itertools.groupby(enumerate(indices), lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        ranges.append(f"{run[0]}..{run[-1]}" if len(run) > 1 else f"{run[0]}")
    return f"coordinate{'s' * (len(indices) > 1)} {_listed(ranges)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
