"""Mixtures on disk."""

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.files.npz import FileFormat, read_npz, write_npz
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.typing import Array

# Mixtures of Student-t distributions, and of low rank, are other classes, and in other formats.
_GAUSSIANS, _STUDENT_TS = ("gmmvi_jax.GMM", "GMM.load"), ("gmmvi_jax.TMixture", "TMixture.load")
_LOW_RANK = ("gmmvi_jax.LowRankGMM", "LowRankGMM.load")
FORMAT = FileFormat(_GAUSSIANS[0], 1, "mixture", "GMM.save", relatives=(_STUDENT_TS, _LOW_RANK))
STUDENT_T_FORMAT = FileFormat(
    _STUDENT_TS[0], 1, "mixture of Student-t", "TMixture.save", relatives=(_GAUSSIANS, _LOW_RANK)
)
LOW_RANK_FORMAT = FileFormat(
    _LOW_RANK[0], 1, "low-rank mixture", "LowRankGMM.save", relatives=(_GAUSSIANS, _STUDENT_TS)
)


def save_mixture(path: str | os.PathLike[str], mixture: Mixture, file_format: FileFormat) -> None:
    """Writes the arrays of a mixture to exactly ``path``; see ``write_npz``."""
    path = require_path("path", path)
    write_npz(path, jax.device_get(named_arrays(mixture)), file_format)


def named_arrays(mixture: Mixture) -> dict[str, Array]:
    """Returns the arrays of a mixture by name; those of a low-rank factor are ``factors.scale``."""
    leaves = jax.tree_util.tree_leaves_with_path(mixture)
    return {jax.tree_util.keystr(path).removeprefix("."): leaf for path, leaf in leaves}


def load_arrays(
    path: str | os.PathLike[str], names: Sequence[str], file_format: FileFormat
) -> dict[str, Array]:
    """Returns the arrays of the mixture in ``path``; warns where JAX rounds them to float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not one that ``save_mixture`` wrote, holds a mixture of another
            class, or is damaged.
    """
    path = require_path("path", path)
    entries = read_npz(path, file_format)
    missing = [name for name in names if name not in entries]
    if missing:
        raise ValueError(
            f"{path} lacks the arrays {missing}: save the mixture again with {file_format.writer}"
        )
    stored = {name: entries[name] for name in names}
    _check_arrays(path, stored, file_format)
    arrays = {name: jnp.asarray(array) for name, array in stored.items()}
    if any(arrays[name].dtype != stored[name].dtype for name in names):
        warnings.warn(
            f"{path} holds float64 and was rounded to float32; for every digit, call "
            "jax.config.update('jax_enable_x64', True) first",
            stacklevel=3,
        )
    return arrays


def _check_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], file_format: FileFormat
) -> None:
    """Raises a ValueError unless the arrays are those of a mixture, whatever its class."""
    if not do_fit(arrays) or any(array.dtype.kind != "f" for array in arrays.values()):
        found = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
        raise ValueError(
            f"{path} holds arrays that do not fit together, {found}: save the mixture again with "
            f"{file_format.writer}"
        )
    for name, array in arrays.items():
        # A component may have no weight, whose logarithm is -inf.
        is_number = array < np.inf if name == "log_weights" else np.isfinite(array)
        if name == "degrees":  # of freedom; infinitely many are a Gaussian's
            is_number = array > 0.0
        if not np.all(is_number):
            fault = "NaN or no positive" if name == "degrees" else "NaN or infinite"
            raise ValueError(f"{path} holds {fault} {name}, and is no mixture.")


def do_fit(arrays: Mapping[str, Any]) -> bool:
    """Returns whether the shapes of a mixture's arrays, by name, fit together."""
    means = arrays["means"]
    return means.ndim == 2 and all(
        array.shape in _shapes_of(name, means, arrays) for name, array in arrays.items()
    )


def _shapes_of(name: str, means: Any, arrays: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """Returns the shapes that an array may have beside the means [K, D]."""
    if name in ("means", "factors.scale"):
        return [means.shape]
    if name == "factors":
        return [means.shape, (*means.shape, means.shape[-1])]
    if name == "factors.basis":
        return [(*means.shape, *arrays["factors.excess"].shape[1:])]
    if name == "factors.excess":
        return [(*means.shape[:1], *arrays["factors.basis"].shape[-1:])]
    return [means.shape[:1]]
