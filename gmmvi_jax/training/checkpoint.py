"""Saving and loading the state of a run: one .npz file, written atomically, never pickle."""

import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.init import init
from gmmvi_jax.state import TrainState
from gmmvi_jax.typing import Array

FORMAT = "gmmvi_jax.TrainState"
VERSION = 4  # bump when older checkpoints can no longer be resumed


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


def save_checkpoint(path: str | Path, state: TrainState) -> None:
    """Writes a state; the file is replaced only once the new one is complete.

    Args:
        path: of the file.
        state: from ``init``, ``step`` or ``TrainResult.state``.
    """
    arrays: dict[str, Any] = {
        name: np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for name, leaf in _named_leaves(state).items()
    }
    header = json.dumps({"format": FORMAT, "version": VERSION})
    buffer = io.BytesIO()
    np.savez(buffer, header=np.asarray(header), **arrays)
    path = Path(path)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        file.write(buffer.getvalue())
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def load_checkpoint(path: str | Path, config: Config) -> TrainState:
    """Reads a state written by ``save_checkpoint``, to go on with ``train(initial=state)``.

    Args:
        path: of the file.
        config: the one the state was made with; its shapes are compared.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no checkpoint, or one of another config; what differs is named.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        header = json.loads(str(arrays.pop("header")))
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is not a checkpoint of gmmvi_jax: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is not a checkpoint of gmmvi_jax: its header is {header}")
    if header.get("version") != VERSION:
        raise ValueError(
            f"{path} is a checkpoint of version {header.get('version')}, this gmmvi_jax reads "
            f"version {VERSION}: go on with the gmmvi_jax that wrote it"
        )
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
        leaves.append(jnp.asarray(leaf))
    return jax.tree.unflatten(jax.tree.structure(template), leaves)
