"""What a user's functions on the host return, as arrays of the shape that is asked for."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.requirements import shown
from gmmvi_jax.typing import PyTree


def checked_results(name: str, results: Any, like: PyTree, batched: bool) -> PyTree:
    """Returns results as arrays.

    Args:
        name: of the function, for the message.
        results: what it returned.
        like: a pytree of what has the shapes and dtypes to return.
        batched: whether it took many points, along the leading axes of ``like``.

    Raises:
        ValueError: a shape differs.
        TypeError: they are no real numbers, or another pytree.
    """
    leaves, structure = jax.tree.flatten(like)
    try:
        parts = structure.flatten_up_to(results)
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"the {name} of this black box must return a pytree like the position, {structure}, "
            f"got {shown(results)}."
        ) from error
    arrays = [
        _checked(name, part, leaf.shape, leaf.dtype, batched)
        for part, leaf in zip(parts, leaves, strict=True)
    ]
    return structure.unflatten(arrays)


def _checked(
    name: str, result: Any, shape: tuple[int, ...], dtype: Any, batched: bool
) -> np.ndarray:
    shapes = f"{shape}, a row for each point" if batched else f"{shape} for one point"
    array = _real_array(name, result, shapes)
    if array.shape != shape:
        cure = "; if it takes one point at a time, pass batched=False" if batched else ""
        raise ValueError(
            f"the {name} of this black box must return shape {shapes}, got {array.shape}{cure}."
        )
    with np.errstate(over="ignore"):  # -1e300 is -inf in float32: outside of the support
        return array.astype(dtype)


def _real_array(name: str, result: Any, shapes: str) -> np.ndarray:
    must = f"the {name} of this black box must return real numbers, got {shown(result)}"
    cure = f"return floats of shape {shapes}"
    try:
        array = np.asarray(result)
    except Exception as error:  # of NumPy, or of an array of another library
        raise TypeError(f"{must}, which is no array ({error}); {cure}.") from error
    if jnp.issubdtype(array.dtype, np.floating) or jnp.issubdtype(array.dtype, np.integer):
        return array
    if result is None:
        cure = f"a return statement is missing; {cure}"
    elif jnp.issubdtype(array.dtype, np.complexfloating):
        cure = "return their real part, np.real(...)"
    raise TypeError(f"{must}; {cure}.")
