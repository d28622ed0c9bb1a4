"""A warning about functions that are created for every run, and therefore recompile."""

import warnings
from types import CodeType
from typing import Any
from weakref import WeakSet

from gmmvi_jax.densities.callable_pytree import StaticCallable

_MANY = 8
_functions: dict[CodeType, WeakSet[Any]] = {}


def warn_of_repeats(target: Any) -> None:
    """Warns once if many functions with the same code were fitted, e.g. a lambda in a loop.

    Args:
        target: from ``as_log_density``.
    """
    function = target.function if isinstance(target, StaticCallable) else None
    code = getattr(function, "__code__", None)
    if code is None:
        return
    seen = _functions.setdefault(code, WeakSet())
    if function in seen:
        return
    seen.add(function)
    if len(seen) == _MANY:
        warnings.warn(
            f"{_MANY} functions made by the same code ({code.co_name}, line {code.co_firstlineno} "
            f"of {code.co_filename}) were fitted in this process, and each one was compiled and is "
            f"kept. To compile once, pass what differs between them as data: "
            f"jax.tree_util.Partial(f, data), or a callable pytree.",
            stacklevel=3,
        )
