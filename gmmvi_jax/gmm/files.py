"""Mixtures on disk: .npz archives with a header, written all or nothing, never unpickled."""

import json
import os
import secrets
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.typing import Array

FORMAT = "gmmvi_jax.GMM"
VERSION = 1
ARRAYS = ("log_weights", "means", "factors")
_CURE = "save the mixture again with GMM.save"


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the arrays of a mixture to exactly ``path``.

    They go to a file of another name in the same directory, which takes the place of ``path`` when
    it is complete: a reader, or a crash, finds the old file or the new one.

    Raises:
        FileNotFoundError: the directory does not exist.
        ValueError: an array has a dtype that numpy cannot store, like bfloat16.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: create the directory {path.parent} first")
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise ValueError(
                f"cannot save {name} of dtype {array.dtype} to {path}: convert it to float32"
            )
    # A string array: object arrays are what only pickle can store.
    header = np.asarray(json.dumps({"format": FORMAT, "version": VERSION}))
    temporary = path.parent / f".gmm-{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "xb") as file:  # numpy appends .npz to names, not to open files
            np.savez(
                file,
                header=header,
                log_weights=arrays["log_weights"],
                means=arrays["means"],
                factors=arrays["factors"],
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Makes a renaming in the directory durable; only POSIX can open a directory."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Returns the arrays of the mixture in ``path``; warns where JAX rounds them to float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not one that ``save_arrays`` wrote, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no mixture at {path}: GMM.save writes to exactly the path that it is given"
        )
    entries = _read_archive(path)
    _check_header(path, entries)
    missing = [name for name in ARRAYS if name not in entries]
    if missing:
        raise ValueError(f"{path} lacks the arrays {missing}: {_CURE}")
    stored = {name: entries[name] for name in ARRAYS}
    _check_arrays(path, stored)
    arrays = {name: jnp.asarray(array) for name, array in stored.items()}
    if any(arrays[name].dtype != stored[name].dtype for name in ARRAYS):
        warnings.warn(
            f"{path} holds float64 and was rounded to float32; for every digit, call "
            "jax.config.update('jax_enable_x64', True) first",
            stacklevel=3,
        )
    return arrays


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not an .npz archive, or is cut off: {_CURE}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as an .npz archive ({error}): {_CURE}") from error


def _check_header(path: Path, entries: Mapping[str, np.ndarray]) -> None:
    try:
        header = json.loads(str(entries["header"]))
        file_format, version = header["format"], header["version"]
    except (KeyError, TypeError, json.JSONDecodeError):
        file_format, version = None, None
    if file_format != FORMAT:
        raise ValueError(
            f"{path} has no header of the format {FORMAT!r} (found {file_format!r}); of other "
            "arrays make a mixture with GMM.from_moments"
        )
    if version != VERSION:
        raise ValueError(
            f"{path} has version {version!r} of the format, this gmmvi_jax reads version "
            f"{VERSION}: load it with the gmmvi_jax that wrote it, or a newer one"
        )


def _check_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    means, factors = arrays["means"], arrays["factors"]
    fits = (
        means.ndim == 2
        and arrays["log_weights"].shape == means.shape[:1]
        and factors.shape in (means.shape, (*means.shape, means.shape[-1]))
    )
    if not fits or any(array.dtype.kind != "f" for array in arrays.values()):
        found = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
        raise ValueError(f"{path} holds arrays that do not fit together, {found}: {_CURE}")
