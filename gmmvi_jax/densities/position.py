"""Positions that are pytrees (e.g. a dict of arrays), and their layout in a vector.

The vector holds free coordinates. Those of a leaf are its numbers, unless it has a domain.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.leaf_domains import domains_of_leaves
from gmmvi_jax.domains import Domain, real
from gmmvi_jax.domains.periodic import Periodic
from gmmvi_jax.requirements import is_traced, require_int
from gmmvi_jax.typing import Array, HostArray, PyTree


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
        domains: of the leaves.
    """

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    paths: tuple[str, ...]
    domains: tuple[Domain, ...]

    @property
    def is_constrained(self) -> bool:
        """Whether a leaf has a domain other than all real numbers."""
        return any(domain != real for domain in self.domains)

    @property
    def free_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the leaves' free coordinates."""
        pairs = zip(self.domains, self.shapes, strict=True)
        return tuple(domain.free_shape(shape) for domain, shape in pairs)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of free coordinates of each leaf."""
        return tuple(map(math.prod, self.free_shapes))

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return sum(self.sizes)

    @property
    def names(self) -> list[str]:
        """The names [D] of the free coordinates: ``b`` for a scalar, ``w[0]``, ``w[1, 2]``.

        Where they are not as many as the numbers of a leaf, they are ``w.free[0]`` and so on.
        """
        parts = zip(self._leaf_names, self.shapes, self.free_shapes, strict=True)
        own = ((path if free == shape else f"{path}.free", free) for path, shape, free in parts)
        return [name for path, free in own for name in numbered(path, free)]

    @property
    def free_names(self) -> list[str]:
        """The names [D] of the free coordinates: those of a leaf with a domain all say ``free``."""
        parts = zip(self._leaf_names, self.domains, self.free_shapes, strict=True)
        own = ((path if domain == real else f"{path}.free", free) for path, domain, free in parts)
        return [name for path, free in own for name in numbered(path, free)]

    @property
    def value_names(self) -> list[str]:
        """The names of all numbers of a position."""
        parts = zip(self._leaf_names, self.shapes, strict=True)
        return [name for path, shape in parts for name in numbered(path, shape)]

    @property
    def _leaf_names(self) -> list[str]:
        """The paths; a position that is a single array has none, and is named ``x``."""
        return [path or "x" for path in self.paths]

    def values(self, points: HostArray) -> np.ndarray:
        """Returns [N, M] all numbers of the positions at points [N, D], as ``value_names``."""
        parts = zip(jax.tree.leaves(self.unravel(points)), self.shapes, strict=True)
        flat = [np.reshape(leaf, (len(points), math.prod(shape))) for leaf, shape in parts]
        return np.concatenate(flat, axis=1)

    def unravel(self, points: HostArray) -> PyTree:
        """Returns points [..., D] as the pytree; every leaf has the same leading axes.

        Leaves have the dtypes of the example, if JAX has them enabled; numpy arrays stay numpy
        arrays.
        """
        leaves = _constrained(self, points) if self.is_constrained else self.parts(points)
        if isinstance(points, np.ndarray):
            leaves = list(map(np.asarray, leaves))
        dtypes = map(jax.dtypes.canonicalize_dtype, self.dtypes)
        cast = [leaf.astype(dtype) for leaf, dtype in zip(leaves, dtypes, strict=True)]
        return jax.tree.unflatten(self.treedef, cast)

    def log_volume(self, points: Array) -> Array:
        """Returns [...] what is added to a log density of the position at points [..., D].

        See ``Domain.log_volume``.
        """
        return _log_volume(self, points)

    def log_determinant(self, points: Array) -> Array:
        """Returns [...] the log of the Jacobian determinant of the position at points [..., D].

        Unlike ``log_volume`` without the weights of the places that stand for the same angle.
        """
        domains = tuple(real if isinstance(own, Periodic) else own for own in self.domains)
        return dataclasses.replace(self, domains=domains).log_volume(points)

    @property
    def periods(self) -> np.ndarray:
        """[D] after which a free coordinate stands for the same value; 0 for none."""
        periods = (own.high - own.low if isinstance(own, Periodic) else 0.0 for own in self.domains)
        return np.repeat(list(periods), self.sizes)

    def parts(self, points: Any) -> list[Any]:
        """Returns the free coordinates of the leaves, [..., *free_shape] each."""
        ends = np.cumsum(self.sizes)
        return [
            points[..., end - size : end].reshape(points.shape[:-1] + shape)
            for end, size, shape in zip(ends, self.sizes, self.free_shapes, strict=True)
        ]

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
        return _unconstrained(self, leaves)

    def setting_of_leaves(self, name: str, leaves: Sequence[Any]) -> list[HostArray]:
        """Returns a setting as arrays of the leaves' shapes.

        Args:
            name: of the setting.
            leaves: a number, or an array of the leaf's shape, for each leaf.

        Raises:
            ValueError: the shapes do not match.
        """
        arrays = []
        # Leaves may be traced, in a sweep; then so is the setting.
        numpy = jnp if any(map(is_traced, jax.tree.leaves(leaves))) else np
        for leaf, shape, path in zip(leaves, self.shapes, self.paths, strict=True):
            array = numpy.asarray(leaf, dtype=float)
            if array.shape not in ((), shape):
                raise ValueError(
                    f"{name}: leaf {path!r} must be a number or have shape {shape}, got shape "
                    f"{array.shape}."
                )
            arrays.append(numpy.broadcast_to(array, shape))
        return arrays

    def _leaves(self, tree: PyTree) -> list[Any]:
        leaves, treedef = jax.tree.flatten(tree)
        if treedef != self.treedef:
            found = {
                jax.tree_util.keystr(path, simple=True, separator=".")
                for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]
            }
            lacking = ", ".join(repr(path) for path in self.paths if path not in found)
            unknown = ", ".join(repr(path) for path in sorted(found - set(self.paths)))
            lacking = f"; it lacks {lacking}" if lacking else ""
            unknown = f"; unknown is {unknown}" if unknown else ""
            raise ValueError(
                f"position: it must have the structure {self.treedef}, got {treedef}"
                f"{lacking}{unknown}."
            )
        return leaves


# Compiled: called on their own these are dozens of operations, each with a program of its own.
@functools.partial(jax.jit, static_argnums=0, inline=True)
def _constrained(layout: PositionLayout, points: Array) -> list[Array]:
    """Returns the leaves of the positions at points [..., D]."""
    parts = zip(layout.parts(points), layout.domains, layout.shapes, strict=True)
    return [free if own == real else own.constrain(free, shape) for free, own, shape in parts]


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _unconstrained(layout: PositionLayout, leaves: list[Array]) -> Array:
    """Returns the points [..., D] of leaves with common leading axes."""
    parts = zip(leaves, layout.domains, layout.shapes, strict=True)
    free = [leaf if own == real else own.unconstrain(leaf, shape) for leaf, own, shape in parts]
    leading = leaves[0].shape[: leaves[0].ndim - len(layout.shapes[0])]
    flat = [leaf.reshape(*leading, size) for leaf, size in zip(free, layout.sizes, strict=True)]
    return jnp.concatenate(flat, axis=-1)


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _log_volume(layout: PositionLayout, points: Array) -> Array:
    """Returns [...] the sum of the leaves' log volumes at points [..., D]."""
    parts = zip(layout.parts(points), layout.domains, layout.shapes, strict=True)
    terms = [own.log_volume(free, shape) for free, own, shape in parts if own != real]
    return sum(terms, start=jnp.zeros(points.shape[:-1], points.dtype))


def numbered(path: str, shape: tuple[int, ...]) -> list[str]:
    """Returns the names of the numbers of an array, ``w[0]``, ``w[1]``, or that of a scalar."""
    if not shape:
        return [path]
    return [f"{path}[{', '.join(map(str, index))}]" for index in np.ndindex(shape)]


def position_layout(example: PyTree, domain: Any = None) -> PositionLayout:
    """Returns the layout of positions with the structure of ``example``.

    Args:
        example: a pytree of floating-point arrays, numbers or ``jax.ShapeDtypeStruct``; only
            shapes and dtypes are used.
        domain: of ``gmmvi_jax.domains``, of all leaves; or a pytree like the example with the
            domains of some leaves.

    Raises:
        TypeError: a leaf is not a floating-point array or number, or a domain is none.
        ValueError: the example has no coordinates; a domain does not fit its leaf, or has none.

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
    domains = domains_of_leaves(domain, paths, shapes)
    layout = PositionLayout(treedef, tuple(shapes), tuple(dtypes), tuple(paths), domains)
    if layout.dim == 0:
        raise ValueError(f"position: {example!r} has no coordinates.")
    return layout


def layout_of(dim: Any, domain: Any = None) -> PositionLayout | None:
    """Returns the layout if ``dim`` is an example of a position, None if it is a number.

    A number of dimensions with a domain is a vector.
    """
    is_number = isinstance(dim, bool | int | float | str | np.generic) or dim is None
    if not is_number and getattr(dim, "ndim", 1) != 0:
        return position_layout(dim, domain)
    if domain is None:
        return None
    size = require_int("dim", dim, least=1)
    return position_layout(jax.ShapeDtypeStruct((size,), jnp.result_type(float)), domain)
