"""Exported samples on disk."""

import dataclasses
import os
from typing import Any

import numpy as np

from gmmvi_jax.files.npz import FileFormat, read_npz, write_npz
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.training.sample_exchange import ReusableSamples, Samples, require_samples

FORMAT = FileFormat("gmmvi_jax.Samples", 1, "file of samples", "save_samples")
_REUSABLE = "reusable_"


def save_samples(path: str | os.PathLike[str], samples: Samples) -> None:
    """Writes the samples to exactly ``path`` (an .npz archive), all of it or nothing.

    Raises:
        FileNotFoundError: the directory does not exist.
    """
    path = require_path("path", path)
    require_samples(samples)
    arrays = {
        "points": samples.points,
        "log_target": samples.log_target,
        "num_evaluations": np.asarray(samples.num_evaluations),
    }
    if samples.reusable is not None:
        fields = {name: getattr(samples.reusable, name) for name in _reusable_names()}
        arrays |= {_REUSABLE + name: rows for name, rows in fields.items() if rows is not None}
    write_npz(path, arrays, FORMAT)


def load_samples(path: str | os.PathLike[str]) -> Samples:
    """Reads what ``save_samples`` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not one of those, or is damaged.
    """
    arrays = read_npz(require_path("path", path), FORMAT)
    reusable = None
    if _REUSABLE + "points" in arrays:
        fields: dict[str, Any] = {n: arrays.get(_REUSABLE + n) for n in _reusable_names()}
        reusable = ReusableSamples(**fields)
    return Samples(arrays["points"], arrays["log_target"], reusable, int(arrays["num_evaluations"]))


def _reusable_names() -> list[str]:
    return [field.name for field in dataclasses.fields(ReusableSamples)]
