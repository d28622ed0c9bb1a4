"""A check that a run fits into memory, before its buffers are allocated; and what to say after."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # not POSIX
    resource = None

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.forms.choice import FULL
from gmmvi_jax.state import TrainState

_GIB = 2**30
# Where Linux says what a container may have: control groups of version 2, of version 1.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


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
    cures = ["diagonal=True"] if mixture.form == FULL else []
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
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return min(physical, *_limits())


def _limits() -> list[int]:
    """Returns the bytes that a container, and the shell, let this process have; may be empty."""
    texts = [path.read_text(encoding="utf-8") for path in map(Path, _LIMITS) if path.is_file()]
    limits = [int(text) for text in texts if text.strip().isdigit()]
    if resource is not None:
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits += [] if limit == resource.RLIM_INFINITY else [limit]
    return limits


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raises a MemoryError with what needs less, where its block ends by JAX's error about it."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        first_line, *_ = str(error).splitlines() or [""]
        if not (first_line.startswith("RESOURCE_EXHAUSTED") or "Out of memory" in first_line):
            raise
        what = first_line.removeprefix("RESOURCE_EXHAUSTED: ").rstrip(".")
        raise MemoryError(
            f"a step does not fit into memory ({what}). Smaller desired_samples, max_components, "
            f"max_database_size or reuse_window_bytes, or diagonal=True, need less; so does "
            f"the log density with smaller intermediate arrays."
        ) from error
