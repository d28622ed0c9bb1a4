"""The data sets that ship with the package; ``data/README.md`` has their sources and licences."""

import functools
import gzip
import io
from importlib import resources

import numpy as np


@functools.cache
def load_table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads one of the packaged tables.

    Args:
        name: of a file in ``data``, e.g. "breast_cancer".

    Returns:
        The features [n, F] and the labels [n], float64, as published; read-only, since every caller
        gets the same arrays.

    Raises:
        FileNotFoundError: there is no such table.
    """
    file = resources.files("gmmvi_jax.targets") / "data" / f"{name}.csv.gz"
    text = gzip.decompress(file.read_bytes()).decode()
    table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, dtype=np.float64)
    table.flags.writeable = False
    return table[:, :-1], table[:, -1]
