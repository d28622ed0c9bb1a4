"""Exported samples in ``.npz`` files."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from gmmvi_jax.training.sample_exchange import ReusableSamples, Samples


def save_samples(path: str | Path, samples: Samples) -> None:
    """Writes the samples to a ``.npz`` file."""
    arrays: dict[str, Any] = {
        "points": samples.points,
        "log_target": samples.log_target,
        "num_evaluations": np.asarray(samples.num_evaluations),
    }
    if samples.reusable is not None:
        for field in dataclasses.fields(samples.reusable):
            value = getattr(samples.reusable, field.name)
            if value is not None:
                arrays[f"reusable_{field.name}"] = value
    np.savez_compressed(Path(path), **arrays)


def load_samples(path: str | Path) -> Samples:
    """Reads what ``save_samples`` wrote.

    Raises:
        ValueError: the file is not one of those.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as file:
            arrays = dict(file)
        reusable = None
        if "reusable_points" in arrays:
            names = [field.name for field in dataclasses.fields(ReusableSamples)]
            reusable = ReusableSamples(**{name: arrays.get(f"reusable_{name}") for name in names})  # type: ignore[arg-type]
        return Samples(
            arrays["points"], arrays["log_target"], reusable, int(arrays["num_evaluations"])
        )
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{path} holds no samples written by save_samples: {error}") from error
