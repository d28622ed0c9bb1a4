"""Training, validation and test splits of a data set."""

from typing import TypeAlias

import numpy as np

from gmmvi_jax.requirements import require_seed
from gmmvi_jax.typing import HostArray

Rows: TypeAlias = tuple[HostArray, HostArray]  # features [n, F], labels [n]

# Arenz et al. (TMLR 2023), the experiment WINE: 60% train, 20% validate, 20% test.
TRAIN_END, VALIDATION_END = 0.6, 0.8


def split_rows(num_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Returns the row indices of each split by its name, in random order.

    Args:
        num_rows: n.
        seed: of the permutation, which does not depend on JAX's precision or generators.

    Raises:
        ValueError: ``seed`` is no integer from 0 to 2**32 - 1.
    """
    require_seed("seed", seed)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(num_rows)
    ends = [round(TRAIN_END * num_rows), round(VALIDATION_END * num_rows)]
    return dict(zip(("train", "validation", "test"), np.split(order, ends), strict=True))


def rows_of_split(splits: dict[str, Rows], split: str) -> Rows:
    """Returns the rows of one of the splits.

    Raises:
        ValueError: there is no such split; the message lists those that exist.
    """
    if not isinstance(split, str) or split not in splits:
        raise ValueError(f"split must be one of {', '.join(splits)}; got {split!r}")
    return splits[split]
