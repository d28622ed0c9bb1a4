"""The argument ``data`` of ``train_many``: a data set for every run."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.of_data import DataTarget
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.requirements import require_function
from gmmvi_jax.training.arguments import called_with
from gmmvi_jax.typing import PyTree


def as_data(data: Any, seeds: Sequence[int]) -> PyTree | None:
    """Returns a data set for each run as arrays, a leading axis on every leaf; or None.

    Args:
        data: what the user gave.
        seeds: of the runs, checked.

    Raises:
        TypeError: a leaf is not an array of numbers.
        ValueError: there are no arrays, the leading axis of one is not the number of seeds, or a
            number is too large for JAX's dtype.
    """
    if data is None:
        return None
    leaves, structure = jax.tree_util.tree_flatten_with_path(data)
    if not leaves:
        raise ValueError("data has no arrays; leave it out where all runs share their data.")
    found = []
    for path, leaf in leaves:
        name = "data" + jax.tree_util.keystr(path)
        array = leaf if isinstance(leaf, jax.Array) else np.asarray(leaf)
        if not (jnp.issubdtype(array.dtype, np.number) or array.dtype == bool):
            raise TypeError(f"{name} must be an array of numbers, got {type(leaf).__name__}.")
        if array.shape[:1] != (len(seeds),):
            raise ValueError(
                f"{name} has shape {array.shape}, but its first axis must be that of the "
                f"{len(seeds)} seeds, one data set for each run."
            )
        found.append(_held(name, array))
    return jax.tree.unflatten(structure, found)


def _held(name: str, array: Any) -> jax.Array:
    """Returns the array as JAX holds it; JAX itself would wrap large integers around.

    Raises:
        ValueError: a number is too large for the dtype.
    """
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    if dtype != array.dtype and array.size and array.dtype.kind in "iuf":
        is_integer = jnp.issubdtype(dtype, jnp.integer)
        limits = jnp.iinfo(dtype) if is_integer else jnp.finfo(dtype)
        numbers = array if is_integer else np.nan_to_num(array, posinf=0.0, neginf=0.0)
        for number in (numbers.min(), numbers.max()):
            if not limits.min <= number <= limits.max:
                raise ValueError(
                    f"{name} has the number {number}, too large for {dtype}; set jax_enable_x64 to "
                    f"True, or give it in other units."
                )
    return jnp.asarray(array)


def first_of_data(log_target: Any, data: PyTree) -> DataTarget:
    """Returns the target of the first data set.

    Args:
        log_target: of a position and a data set.
        data: of all runs, checked.

    Raises:
        TypeError: it cannot be called, or is of a position alone.
    """
    if isinstance(log_target, PytreeTarget):
        raise TypeError(
            "with data= log_target must be a function of a position and a data set, got one that "
            "is of a position alone; make the config from an example of the position instead of "
            "on_pytree."
        )
    given, cure = "a position and a data set", "take both, or leave out data="
    require_function("log_target", log_target, f" of {given}")
    called_with("log_target", log_target, 2, given, cure)
    return DataTarget(as_log_density(log_target), jax.tree.map(lambda leaf: leaf[0], data))
