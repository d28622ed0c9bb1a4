"""Indices out of range, which JAX moves to the nearest element without a word."""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

_SCALAR: dict[str, Callable[..., Any]] = {
    "lt": operator.lt,
    "add": operator.add,
    "select_n": lambda index, *cases: cases[int(index)],
    "convert_element_type": lambda value: value,
}


class OutOfRange(NamedTuple):
    """A constant index that does not exist."""

    element: int
    shape: tuple[int, ...]


def index_out_of_range(jaxpr: Any) -> OutOfRange | None:
    """Returns the first constant index of an array that is out of range, None if there is none.

    JAX turns ``x[2]`` of an array of shape (2,) into a slice at a start computed from constants.

    Args:
        jaxpr: of a function, closed or not.
    """
    jaxpr = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    known: dict[Any, Any] = {}

    def value_of(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else known.get(variable)

    for equation in jaxpr.eqns:
        name, values = equation.primitive.name, [value_of(one) for one in equation.invars]
        if name in _SCALAR and all(value is not None for value in values):
            known[equation.outvars[0]] = _SCALAR[name](*values)
        elif name == "dynamic_slice":
            shape = equation.invars[0].aval.shape
            sizes = equation.params["slice_sizes"]
            for start, length, size in zip(values[1:], shape, sizes, strict=True):
                if start is not None and not 0 <= int(start) <= length - size:
                    return OutOfRange(int(start), shape)
        for inner in equation.params.values():
            if isinstance(inner, ClosedJaxpr | Jaxpr):
                found = index_out_of_range(inner)
                if found is not None:
                    return found
    return None
