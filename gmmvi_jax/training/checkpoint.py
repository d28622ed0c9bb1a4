"""Saving and loading the state of a run."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.init import init
from gmmvi_jax.npz import FileFormat, read_npz, write_npz
from gmmvi_jax.state import TrainState
from gmmvi_jax.typing import Array

FORMAT = FileFormat("gmmvi_jax.TrainState", 4, "checkpoint", "save_checkpoint")


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


def save_checkpoint(
    path: str | os.PathLike[str], state: TrainState, *, compressed: bool = False
) -> None:
    """Writes a state; the file is replaced only once the new one is complete.

    Args:
        path: of the file.
        state: from ``init``, ``step`` or ``TrainResult.state``.
        compressed: for a small file: most of a state is room for samples. It takes seconds.

    Raises:
        FileNotFoundError: the directory does not exist.
    """
    arrays = {
        name: np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for name, leaf in _named_leaves(state).items()
    }
    write_npz(path, arrays, FORMAT, compressed)


def load_checkpoint(path: str | os.PathLike[str], config: Config) -> TrainState:
    """Reads a state written by ``save_checkpoint``, to go on with ``train(initial=state)``.

    Args:
        path: of the file.
        config: the one the state was made with; its shapes are compared.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no checkpoint, or one of another config; what differs is named.
    """
    path = Path(path)
    arrays = read_npz(path, FORMAT)
    template = jax.eval_shape(lambda: init(config.algorithm, jax.random.key(0)))
    leaves = []
    for name, expected in _named_leaves(template).items():
        if name not in arrays:
            raise ValueError(f"{path} has no {name}: it was made with another config")
        array = arrays[name]
        leaf = jax.random.wrap_key_data(jnp.asarray(array)) if _is_key(expected) else array
        if leaf.shape != expected.shape or leaf.dtype != expected.dtype:
            raise ValueError(
                f"{path}: {name} is {leaf.dtype}{list(leaf.shape)}, the config needs "
                f"{expected.dtype}{list(expected.shape)}; {_cure(leaf.dtype, expected.dtype)}"
            )
        leaves.append(jax.device_put(leaf))  # without a program for every shape
    return jax.tree.unflatten(jax.tree.structure(template), leaves)
