"""Arrays on their way to a callback on the host and back, which JAX would round."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.typing import Array, PyTree


def to_words(tree: PyTree) -> Any:
    """Returns the tree with float64 arrays as [..., 2] uint32, the others unchanged.

    JAX rounds float64 arguments and results of a callback to float32 on threads where float64 is
    not enabled; with ``jax.enable_x64`` as a context manager these are all but one.
    """

    def convert(leaf: Array) -> Array:
        is_wide = leaf.dtype == jnp.float64
        return jax.lax.bitcast_convert_type(leaf, jnp.uint32) if is_wide else leaf

    return jax.tree.map(convert, tree)


def from_words(array: Array, like: jax.ShapeDtypeStruct) -> Array:
    """Returns the inverse of ``to_words`` for one array."""
    return jax.lax.bitcast_convert_type(array, like.dtype) if array.dtype != like.dtype else array


def host_from_words(leaf: Any) -> np.ndarray:
    """Returns the inverse of ``to_words`` for one array, as a copy in numpy."""
    array = np.array(leaf, order="C")
    return array.view(np.float64)[..., 0] if array.dtype == np.uint32 else array


def host_to_words(array: np.ndarray) -> np.ndarray:
    """Returns what ``to_words`` does for one array, in numpy."""
    return array[..., None].view(np.uint32) if array.dtype == np.float64 else array
