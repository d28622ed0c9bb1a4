"""Histories as CSV files: names, then a row per chunk of iterations."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gmmvi_jax.files.replacing import write_text


def csv_line(values: Iterable[Any]) -> str:
    """Returns values as a line without its end; names such as ``w[0, 1]`` are quoted."""
    return ",".join(f'"{text}"' if "," in text else text for text in map(str, values))


def write_csv(path: str | os.PathLike[str], history: Mapping[str, np.ndarray]) -> None:
    """Writes the columns of a history."""
    rows = zip(*history.values(), strict=True)
    lines = [csv_line(history), *map(csv_line, rows)]
    write_text(path, "\n".join(lines) + "\n")


def read_csv(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Returns the columns of a history; those of whole numbers are int.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        names, *rows = (line.split(",") for line in text.splitlines())
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        return {name: _column(own) for name, own in zip(names, columns, strict=True)}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is damaged or missing: {error}") from error


def _column(texts: tuple[str, ...]) -> np.ndarray:
    try:
        return np.array([int(text) for text in texts])
    except ValueError:
        return np.array([float(text) for text in texts])
