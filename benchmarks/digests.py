"""Whether two runs have the same bits, and where they do not."""

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def digests(result: Any) -> dict[str, str]:
    """Returns the digest of every array of a result but its times.

    Args:
        result: of ``train`` or ``train_many``.
    """
    history = {name: values for name, values in result.history.items() if name != "wall_time"}
    leaves = jax.tree_util.tree_leaves_with_path({"history": history, "state": result.state})
    return {
        jax.tree_util.keystr(path): hashlib.sha256(_numbers(leaf).tobytes()).hexdigest()[:16]
        for path, leaf in leaves
    }


def _numbers(leaf: Any) -> np.ndarray:
    if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf)
