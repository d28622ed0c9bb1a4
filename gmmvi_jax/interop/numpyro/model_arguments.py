"""The arguments of a model: its arrays are arguments of compiled programs, the rest is static."""

import dataclasses
from typing import Any

import jax
import numpy as np

from gmmvi_jax.numerics.pytree import register_pytree


@dataclasses.dataclass(frozen=True, eq=False)
class _Constant:
    """A value that cannot be hashed, or must not be traced; compared by identity."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class ModelArguments:
    """What a model is called with.

    Attributes:
        arrays: that are arguments of the compiled program.
        statics: the other leaves, None in place of the arrays.
        treedef: of the pair of positional and named arguments.
    """

    arrays: tuple[Any, ...]
    statics: tuple[Any, ...] = dataclasses.field(metadata={"static": True})
    treedef: Any = dataclasses.field(metadata={"static": True})

    def unpack(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns positional and named arguments."""
        arrays = iter(self.arrays)
        leaves = [next(arrays) if leaf is None else _value(leaf) for leaf in self.statics]
        return jax.tree.unflatten(self.treedef, leaves)


def pack(args: tuple[Any, ...], kwargs: dict[str, Any], traced: bool) -> ModelArguments:
    """Returns arguments of a model.

    Args:
        args: positional.
        kwargs: named.
        traced: whether arrays are arguments of compiled programs; else constants in them.
    """
    leaves, treedef = jax.tree.flatten((args, kwargs))
    is_array = [traced and isinstance(leaf, jax.Array | np.ndarray) for leaf in leaves]
    return ModelArguments(
        tuple(leaf for leaf, own in zip(leaves, is_array, strict=True) if own),
        tuple(None if own else _hashable(leaf) for leaf, own in zip(leaves, is_array, strict=True)),
        treedef,
    )


def _hashable(leaf: Any) -> Any:
    if isinstance(leaf, str):
        return leaf
    # 1, 1.0 and True are equal, but not the same argument.
    return (type(leaf), leaf) if isinstance(leaf, bool | int | float) else _Constant(leaf)


def _value(leaf: Any) -> Any:
    if isinstance(leaf, _Constant):
        return leaf.value
    return leaf[1] if isinstance(leaf, tuple) else leaf
