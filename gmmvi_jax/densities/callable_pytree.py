"""The user's function as a pytree, so that compiled functions can take it as an argument."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class StaticCallable:
    """A callable that becomes part of the compiled program: a pytree without leaves.

    Its attributes (``dim``, ``value_and_grad``, ...) stay visible, which
    ``jax.tree_util.Partial`` would hide. Two of them are equal, and share compiled programs, where
    the callables are equal, or the same object if they cannot be hashed.

    Attributes:
        function: any callable.
    """

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function."""
        return self.function(*arguments)

    def __getattr__(self, name: str) -> Any:
        # Only asked for what this class does not have. While a copy is made there is no function.
        if name == "function" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.function, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StaticCallable):
            return NotImplemented
        if self.function is other.function:
            return True
        return hash(self) == hash(other) and bool(self.function == other.function)

    def __hash__(self) -> int:
        try:
            return hash(self.function)
        except TypeError:  # a dataclass that holds arrays, say: only itself is equal to it
            return id(self.function)


def _is_data(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float | complex)


def as_log_density(log_target: Any) -> Any:
    """Returns the target as a callable pytree, to be passed to compiled functions.

    A target that is a pytree of arrays passes its data as arguments. Anything else (a plain
    function, an object that JAX does not know, a pytree with leaves that are no arrays) becomes
    part of the compiled program, with its data as constants: changing them later has no effect.

    Raises:
        TypeError: it cannot be called.
    """
    if not callable(log_target):
        raise TypeError(
            f"log_target must be a function of one point [D], got {type(log_target).__name__}."
        )
    is_pytree = all(_is_data(leaf) for leaf in jax.tree.leaves(log_target))
    return log_target if is_pytree else StaticCallable(log_target)
