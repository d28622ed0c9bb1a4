"""Histories as CSV files: names, then a row per chunk of iterations."""

import os
from collections.abc import Iterable, Mapping
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
