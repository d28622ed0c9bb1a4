"""The state of a run as arrays with names, and as a file."""

import os
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config, require_config
from gmmvi_jax.files.npz import FileFormat, read_npz, write_npz
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.init import init
from gmmvi_jax.state import TrainState, require_state
from gmmvi_jax.typing import Array

FORMAT = FileFormat("gmmvi_jax.TrainState", 5, "state", "save_state")
_SHAPE = ".shape"  # behind the name of an array of which only a part is stored
_SMALL = 2**16  # bytes; smaller arrays are stored as they are


def save_state(path: str | os.PathLike[str], state: TrainState) -> None:
    """Writes a state; the file is replaced only once the new one is complete.

    Args:
        path: of the file.
        state: from ``init``, ``step`` or ``TrainResult.state``.

    Raises:
        FileNotFoundError: the directory does not exist.
    """
    path = require_path("path", path)
    require_state("state", state)
    write_npz(path, state_arrays(state), FORMAT)


def load_state(path: str | os.PathLike[str], config: Config) -> TrainState:
    """Reads a state written by ``save_state``, to go on with ``train(initial=state)``.

    Args:
        path: of the file.
        config: the one the state was made with; its shapes are compared.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no state, or one of another config; what differs is named.
    """
    path = require_path("path", path)
    require_config(config)
    return state_of_arrays(path, read_npz(path, FORMAT), config)


def state_arrays(state: TrainState) -> dict[str, np.ndarray]:
    """Returns the arrays of a state by name, without the zeros at the ends of large ones.

    Most of a state is room for samples that are still to come.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, leaf in _named_leaves(state).items():
        array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        part = _without_zeros(array)
        arrays[name] = part
        if part.shape != array.shape:
            arrays[name + _SHAPE] = np.asarray(array.shape)
    return arrays


def state_of_arrays(path: Path, arrays: Mapping[str, np.ndarray], config: Config) -> TrainState:
    """Returns the state whose arrays ``state_arrays`` gave.

    Args:
        path: of their file, for errors.
        arrays: by name.
        config: the one the state was made with.

    Raises:
        ValueError: the arrays are those of another config; what differs is named.
    """
    template = jax.eval_shape(lambda: init(config.algorithm, jax.random.key(0)))
    leaves = []
    for name, expected in _named_leaves(template).items():
        if name not in arrays:
            raise ValueError(f"{path} has no {name}: it was made with another config")
        array = _with_zeros(arrays[name], arrays.get(name + _SHAPE))
        leaf = jax.random.wrap_key_data(jnp.asarray(array)) if _is_key(expected) else array
        if leaf.shape != expected.shape or leaf.dtype != expected.dtype:
            raise ValueError(
                f"{path}: {name} is {leaf.dtype}{list(leaf.shape)}, the config needs "
                f"{expected.dtype}{list(expected.shape)}; {_cure(leaf.dtype, expected.dtype)}"
            )
        leaves.append(jax.device_put(leaf))  # without a program for every shape
    return jax.tree.unflatten(jax.tree.structure(template), leaves)


def _without_zeros(array: np.ndarray) -> np.ndarray:
    """Returns the array without what is zero, in every bit, behind the rest along each axis."""
    if array.nbytes <= _SMALL or array.dtype.kind not in "biuf":
        return array
    bits = array.view(f"u{array.dtype.itemsize}")
    ends = []
    for axis in range(array.ndim):
        others = tuple(other for other in range(array.ndim) if other != axis)
        used = np.flatnonzero(np.any(bits, axis=others))
        ends.append(slice(0, int(used[-1]) + 1 if len(used) else 0))
    return array[tuple(ends)]


def _with_zeros(array: np.ndarray, shape: np.ndarray | None) -> np.ndarray:
    if shape is None:
        return array
    full = np.zeros(tuple(shape), array.dtype)
    full[tuple(slice(0, length) for length in array.shape)] = array
    return full


def _is_key(leaf: Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _named_leaves(state: TrainState) -> dict[str, Array]:
    paths, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}


def _cure(found: np.dtype, expected: np.dtype) -> str:
    if {str(found), str(expected)} == {"float32", "float64"}:
        wide = found.itemsize > expected.itemsize
        return f"set jax_enable_x64 to {wide}, as it was in the run that wrote the file"
    return "load it with the config it was made with"
