"""Settings that are given like a position: where a run starts, and how wide."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.domains import Domain, real
from gmmvi_jax.requirements import is_traced, require
from gmmvi_jax.typing import PyTree


def flat_location(name: str, value: Any, layout: PositionLayout | None) -> Any:
    """Returns a position that a setting gives as a vector [D] of free coordinates.

    Args:
        name: of the setting.
        value: see ``flat_setting``.
        layout: of the position, if it has one.

    Raises:
        ValueError: the structure or the shapes do not match, or a value is not in its domain.
    """
    if layout is None or not layout.is_constrained:
        return flat_setting(name, value, layout)
    parts = zip(_leaves(name, value, layout), layout.domains, layout.paths, strict=True)
    free = [
        domain.unconstrain(_inside(name, leaf, domain, path), leaf.shape).ravel()
        for leaf, domain, path in parts
    ]
    return _concatenated(free)


def flat_scale(name: str, value: Any, location: Any, layout: PositionLayout | None) -> Any:
    """Returns standard deviations that a setting gives as a vector [D], of free coordinates.

    To first order: a small change of the position by them changes the free coordinates by that.

    Args:
        name: of the setting.
        value: see ``flat_setting``; None for 1 in all free coordinates.
        location: [D] free coordinates around which it is.
        layout: of the position, if it has one.
    """
    if value is None:
        return 1.0
    if layout is None or not layout.is_constrained:
        return flat_setting(name, value, layout)
    leaves = _leaves(name, value, layout)
    for path, leaf in zip(layout.paths, leaves, strict=True):
        where = f" at {path!r}" if path else ""
        require(leaf > 0.0, f"{name}{where} must be positive, got {value!r}.")
    centre = layout.unravel(jnp.broadcast_to(jnp.asarray(location, float), (layout.dim,)))
    parts = zip(leaves, jax.tree.leaves(centre), layout.domains, strict=True)
    return _concatenated([_free_scale(leaf, at, domain) for leaf, at, domain in parts])


def _free_scale(scale: Any, at: Any, domain: Domain) -> Any:
    if domain == real:
        return scale.ravel()
    jacobian = jax.jacobian(lambda value: domain.unconstrain(value, at.shape).ravel())(at)
    squares = jnp.square(jacobian.reshape(len(jacobian), -1) * scale.ravel())
    return jnp.sqrt(jnp.sum(squares, axis=1))


def example_values(example: int | PyTree, layout: PositionLayout) -> np.ndarray:
    """Returns [D] the free coordinates of an example; 0 where it says nothing but a shape.

    Raises:
        ValueError: a value is not in its domain.
    """
    if isinstance(example, int | np.integer):
        return np.zeros(layout.dim)
    flat = []
    for leaf, domain, size, path in zip(
        jax.tree.leaves(example), layout.domains, layout.sizes, layout.paths, strict=True
    ):
        if isinstance(leaf, jax.ShapeDtypeStruct):
            flat.append(np.zeros(size))
            continue
        value = np.asarray(leaf, float)
        if domain != real:
            value = _inside("the example's values", value, domain, path)
            value = np.asarray(domain.unconstrain(value, value.shape), float)
        flat.append(value.ravel())
    return np.concatenate(flat)


def _leaves(name: str, value: Any, layout: PositionLayout) -> list[Any]:
    """Returns an array of its leaf's shape for every leaf of the position."""
    if jax.tree.structure(value) == jax.tree.structure(0) and np.shape(value) == ():
        leaves = [value] * len(layout.shapes)
    else:
        try:
            leaves = layout.treedef.flatten_up_to(value)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{name} must be a number, or a pytree like the position, {layout.treedef}, since "
                f"parts of it have domains; got {value!r}."
            ) from error
    return layout.setting_of_leaves(name, leaves)


def _inside(name: str, value: Any, domain: Domain, path: str) -> Any:
    if not is_traced(value) and not domain.contains(value):
        where = f" at {path!r}" if path else ""
        raise ValueError(
            f"{name}{where}: {np.asarray(value).tolist()} is not inside the domain {domain}."
        )
    return value


def _concatenated(parts: list[Any]) -> Any:
    if any(map(is_traced, parts)):
        return jnp.concatenate(parts)
    return np.concatenate([np.asarray(part, float) for part in parts])


def flat_setting(name: str, value: Any, layout: PositionLayout | None) -> Any:
    """Returns a setting given as a pytree as a vector [D]; numbers and vectors are unchanged.

    Args:
        name: of the setting.
        value: a number, a vector (an array, or a list of numbers), or a pytree like the position,
            in which a number applies to a whole leaf of the position.
        layout: of the position, if it is a pytree.

    Raises:
        ValueError: the structure or the shapes do not match the position.
    """
    if value is None:
        return None
    structure = jax.tree.structure(value)
    is_number_or_array = structure == jax.tree.structure(0)
    if layout is not None and not is_number_or_array:
        try:  # lists of numbers are leaves here, since they may represent arrays
            leaves = layout.treedef.flatten_up_to(value)
        except (ValueError, TypeError):
            pass
        else:
            return _concatenated([leaf.ravel() for leaf in layout.setting_of_leaves(name, leaves)])
    if is_number_or_array and layout is not None and (np.shape(value),) == layout.shapes:
        return (
            value.ravel() if is_traced(value) else np.ravel(value)
        )  # where the position is a matrix, say
    if is_number_or_array or isinstance(value, list | tuple):
        return value
    if layout is not None:
        raise ValueError(
            f"{name} must be a number, a vector, or a pytree like the position, "
            f"{layout.treedef}; got {structure}."
        )
    leaves = jax.tree.leaves(value)
    numpy = jnp if any(map(is_traced, leaves)) else np
    return numpy.concatenate([numpy.ravel(leaf) for leaf in leaves])
