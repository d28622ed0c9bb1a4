"""The user's function as a pytree, so that compiled functions can take it as an argument."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gmmvi_jax.densities.divided_data import with_automatic_axes
from gmmvi_jax.requirements import require_function


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class StaticCallable:
    """A callable that becomes part of the compiled program: a pytree without leaves.

    Unlike ``jax.tree_util.Partial`` it exposes the attributes of the callable (``dim``,
    ``value_and_grad``, ...). Two of them are equal, and share compiled programs, if the callables
    are equal; callables that cannot be hashed are compared by identity.

    Attributes:
        function: any callable.
    """

    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function."""
        return self.function(*arguments)

    def __getattr__(self, name: str) -> Any:
        # Called for missing attributes only. During copying ``function`` is missing too.
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
        except TypeError:  # e.g. a dataclass that holds arrays: compared by identity
            return id(self.function)


def _is_data(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float | complex)


def as_log_density(log_target: Any, name: str = "log_target") -> Any:
    """Returns the target as a callable pytree, to be passed to compiled functions.

    The data of a target that is a pytree of arrays are arguments of the compiled program. Any other
    target (a plain function, an object that is not a pytree, a pytree with leaves that are not
    arrays) becomes part of the program, with its data as constants; changing them later has no
    effect. Data that are divided over devices stay so.

    Args:
        log_target: what the user gave.
        name: of the argument, for the message.

    Raises:
        TypeError: the target is not callable.
    """
    require_function(name, log_target, " of one point [D]")
    is_pytree = all(_is_data(leaf) for leaf in jax.tree.leaves(log_target))
    return with_automatic_axes(log_target) if is_pytree else StaticCallable(log_target)
