"""Frozen dataclasses as pytrees that are distinguished by their class."""

import dataclasses
from typing import Any, TypeVar

import jax
from jax.tree_util import GetAttrKey

Class = TypeVar("Class", bound=type)


def register_pytree(cls: Class) -> Class:
    """Registers a dataclass as a pytree: fields are children, unless their metadata say static.

    Like ``jax.tree_util.register_dataclass``, which has a flaw (jax 0.10.2): it considers the
    structures of two classes with the same fields equal. If their hashes collide, ``jax.jit``
    silently runs the program that it compiled for the other class. Choices of a module do have the
    same fields, so the class is part of the structure here.

    Args:
        cls: a dataclass. ``dataclasses.field(metadata={"static": True})`` marks fields that are
            part of the compiled program (ints that size buffers, bools, functions); they must be
            hashable.

    Returns:
        The class, so that this can be used as a decorator above ``dataclasses.dataclass``.
    """
    is_dataclass = hasattr(cls, "__dataclass_fields__") and isinstance(cls, type)
    if not is_dataclass:
        raise TypeError(f"cls must be a dataclass, got {cls!r}; put dataclasses.dataclass below.")
    fields = dataclasses.fields(cls)
    static = tuple(field.name for field in fields if field.metadata.get("static", False))
    data = tuple(field.name for field in fields if field.name not in static)

    def static_values(instance: Any) -> tuple[Any, ...]:
        return tuple(getattr(instance, name) for name in static)

    def flatten_with_keys(instance: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        children = tuple((GetAttrKey(name), getattr(instance, name)) for name in data)
        return children, static_values(instance)

    def flatten(instance: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(instance, name) for name in data), static_values(instance)

    def unflatten(values: Any, children: Any) -> Any:
        return cls(
            **dict(zip(data, children, strict=True)), **dict(zip(static, values, strict=True))
        )

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
