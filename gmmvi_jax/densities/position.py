"""Positions that are pytrees (e.g. a dict of arrays), and their layout in a vector."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.requirements import is_traced
from gmmvi_jax.typing import HostArray, PyTree


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class PositionLayout:
    """The layout of a pytree of arrays in a vector [D], as of ``jax.flatten_util.ravel_pytree``.

    Hashable: examples of the same structure have equal layouts and share compiled programs.

    Attributes:
        treedef: structure of the pytree.
        shapes: of its leaves, in JAX's order (dicts by sorted keys).
        dtypes: names of the leaves' dtypes.
        paths: paths of the leaves, as in ``a.b``.
    """

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of coordinates of each leaf."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return sum(self.sizes)

    @property
    def names(self) -> list[str]:
        """The names [D] of the coordinates: ``b`` for a scalar, ``w[0]``, ``w[1, 2]``."""
        return [
            path + (f"[{', '.join(map(str, index))}]" if shape else "")
            for path, shape in zip(self.paths, self.shapes, strict=True)
            for index in np.ndindex(shape)
        ]

    def unravel(self, points: HostArray) -> PyTree:
        """Returns points [..., D] as the pytree; every leaf has the same leading axes.

        Leaves have the dtypes of the example, if JAX has them enabled; numpy arrays stay numpy
        arrays.
        """
        ends = np.cumsum(self.sizes)
        leaves = [
            points[..., end - size : end]
            .reshape(points.shape[:-1] + shape)
            .astype(jax.dtypes.canonicalize_dtype(dtype))
            for end, size, shape, dtype in zip(
                ends, self.sizes, self.shapes, self.dtypes, strict=True
            )
        ]
        return jax.tree.unflatten(self.treedef, leaves)

    def ravel(self, tree: PyTree) -> jax.Array:
        """Returns a pytree as a vector [..., D]; its leaves may have common leading axes.

        Raises:
            ValueError: the structure or the shapes do not match.
        """
        leaves = [jnp.asarray(leaf) for leaf in self._leaves(tree)]
        leading = leaves[0].shape[: leaves[0].ndim - len(self.shapes[0])]
        for leaf, shape, path in zip(leaves, self.shapes, self.paths, strict=True):
            if leaf.shape != leading + shape:
                raise ValueError(
                    f"position: leaf {path!r} must have shape {leading + shape}, got {leaf.shape}."
                )
        flat = [leaf.reshape(*leading, size) for leaf, size in zip(leaves, self.sizes, strict=True)]
        return jnp.concatenate(flat, axis=-1)

    def ravel_setting(self, name: str, leaves: Sequence[Any]) -> HostArray:
        """Returns [D] a setting with a number, or an array of the leaf's shape, for each leaf.

        Raises:
            ValueError: the shapes do not match.
        """
        flat = []
        # Leaves may be traced, in a sweep; then so is the setting.
        numpy = jnp if any(map(is_traced, jax.tree.leaves(leaves))) else np
        for leaf, shape, path in zip(leaves, self.shapes, self.paths, strict=True):
            array = numpy.asarray(leaf, dtype=float)
            if array.shape not in ((), shape):
                raise ValueError(
                    f"{name}: leaf {path!r} must be a number or have shape {shape}, got shape "
                    f"{array.shape}."
                )
            flat.append(numpy.broadcast_to(array, shape).ravel())
        return numpy.concatenate(flat)

    def _leaves(self, tree: PyTree) -> list[Any]:
        leaves, treedef = jax.tree.flatten(tree)
        if treedef != self.treedef:
            raise ValueError(f"position: expected the structure {self.treedef}, got {treedef}.")
        return leaves


def position_layout(example: PyTree) -> PositionLayout:
    """Returns the layout of positions with the structure of ``example``.

    Args:
        example: a pytree of floating-point arrays, numbers or ``jax.ShapeDtypeStruct``; only
            shapes and dtypes are used.

    Raises:
        TypeError: a leaf is not a floating-point array or number.
        ValueError: the example has no coordinates.

    Example:
        >>> layout = position_layout({"w": np.zeros(2), "b": 0.0})
        >>> layout.dim, layout.names
        (3, ['b', 'w[0]', 'w[1]'])
    """
    with_paths, treedef = jax.tree_util.tree_flatten_with_path(example)
    paths = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in with_paths]
    shapes, dtypes = [], []
    for path, (_, leaf) in zip(paths, with_paths, strict=True):
        try:
            dtype = np.dtype(leaf.dtype if hasattr(leaf, "dtype") else type(leaf))
        except TypeError:
            dtype = np.dtype(object)
        if not jnp.issubdtype(dtype, jnp.floating):
            is_array = hasattr(leaf, "dtype") and dtype.kind != "O"
            found = dtype.name if is_array else type(leaf).__name__
            raise TypeError(
                f"position: leaf {path!r} is {found}; the coordinates of a density are real "
                f"numbers: make it floating-point (0.0 instead of 0, jnp.zeros(3), "
                f".astype(float)), and leave constants out of the position."
            )
        shapes.append(tuple(np.shape(leaf)))
        dtypes.append(dtype.name)
    layout = PositionLayout(treedef, tuple(shapes), tuple(dtypes), tuple(paths))
    if layout.dim == 0:
        raise ValueError(f"position: {example!r} has no coordinates.")
    return layout


def layout_of(dim: Any) -> PositionLayout | None:
    """Returns the layout if ``dim`` is an example of a position, None if it is a number."""
    is_number = isinstance(dim, bool | int | float | str | np.generic) or dim is None
    if is_number or getattr(dim, "ndim", 1) == 0:
        return None
    return position_layout(dim)


def example_values(example: PyTree) -> np.ndarray:
    """Returns [D] the values of an example of a position; 0 for leaves with only a shape."""
    flat = [
        np.zeros(leaf.shape).ravel()
        if isinstance(leaf, jax.ShapeDtypeStruct)
        else np.ravel(np.asarray(leaf, dtype=float))
        for leaf in jax.tree.leaves(example)
    ]
    return np.concatenate(flat)


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
            return layout.ravel_setting(name, leaves)
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
