"""A check that a run fits into memory, before its buffers are allocated."""

import math
import os
from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax.state import TrainState

_GIB = 2**30


def check_memory(shapes: TrainState, num_runs: int = 1) -> None:
    """Raises ValueError if the state of a run, and a step, do not fit into memory.

    Args:
        shapes: the state or its shapes; stacked for several runs.
        num_runs: number of runs.
    """
    available = _memory_of_device()
    if available is None:
        return
    state = _num_bytes(shapes)
    matrices = _num_bytes((shapes.mixture, shapes.gradient, shapes.memories.iterate_averaging))
    # A step allocates the next covariances before it frees the old ones.
    needed = state + _num_bytes(shapes.mixture.gaussians.factor)
    if needed <= available:
        return
    mixture = shapes.mixture
    several = f" ({num_runs} at once; pass fewer seeds)" if num_runs > 1 else ""
    cures = [] if mixture.is_diagonal else ["diagonal=True"]
    cures.append("a smaller max_components")
    cures += ["average_iterates=False"] if shapes.memories.iterate_averaging else []
    cure = " or ".join(cures)
    raise ValueError(
        f"the run{'s' * (num_runs > 1)}{several} would need about {needed / _GIB:,.1f} GiB, and "
        f"there are {available / _GIB:,.1f} GiB. Gaussians: {matrices / _GIB:,.1f} GiB for "
        f"max_components={mixture.max_components} in {mixture.dim} dimensions; "
        f"{cure} needs less. Samples: {_num_bytes(shapes.database) / _GIB:,.1f} GiB; "
        f"smaller desired_samples, max_database_size, reuse_ratio or reuse_window_bytes need less."
    )


def _num_bytes(tree: Any) -> int:
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _memory_of_device() -> int | None:
    """Returns the bytes of the default device, or of the machine; None if unknown."""
    (device,) = jnp.zeros(()).devices()  # the default device
    if device.platform != "cpu":
        return (device.memory_stats() or {}).get("bytes_limit")
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
