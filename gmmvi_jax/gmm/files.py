"""Mixtures on disk."""

import os
import warnings
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.files.npz import FileFormat, read_npz, write_npz
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.typing import Array

FORMAT = FileFormat("gmmvi_jax.GMM", 1, "mixture", "GMM.save")
ARRAYS = ("log_weights", "means", "factors")


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the arrays of a mixture to exactly ``path``; see ``write_npz``."""
    path = require_path("path", path)
    write_npz(path, {name: arrays[name] for name in ARRAYS}, FORMAT)


def load_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Returns the arrays of the mixture in ``path``; warns where JAX rounds them to float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not one that ``save_arrays`` wrote, or is damaged.
    """
    entries = read_npz(require_path("path", path), FORMAT)
    missing = [name for name in ARRAYS if name not in entries]
    if missing:
        raise ValueError(f"{path} lacks the arrays {missing}: save the mixture again with GMM.save")
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


def _check_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    means, factors = arrays["means"], arrays["factors"]
    fits = (
        means.ndim == 2
        and arrays["log_weights"].shape == means.shape[:1]
        and factors.shape in (means.shape, (*means.shape, means.shape[-1]))
    )
    if not fits or any(array.dtype.kind != "f" for array in arrays.values()):
        found = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
        raise ValueError(
            f"{path} holds arrays that do not fit together, {found}: save the mixture again with "
            "GMM.save"
        )
    for name, array in arrays.items():
        # A component may have no weight, whose logarithm is -inf.
        is_number = array < np.inf if name == "log_weights" else np.isfinite(array)
        if not np.all(is_number):
            raise ValueError(f"{path} holds NaN or infinite {name}, and is no mixture.")
