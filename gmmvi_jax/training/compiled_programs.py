"""Compiled programs, of which a process can hold only so many."""

import warnings
from pathlib import Path

import jax

_MAPS = Path("/proc/self/maps")  # of Linux; one line each
_LIMIT = Path("/proc/sys/vm/max_map_count")
_SHARE = 0.75  # of the limit, usually 65,530; a run takes 1,600 to 5,000


def num_memory_maps() -> int:
    """Returns the memory maps of this process, 0 where no system counts them."""
    return _MAPS.read_bytes().count(b"\n") if _MAPS.exists() else 0


def drop_programs_if_many() -> None:
    """Drops the compiled programs of this process, with a warning, where room for more runs out.

    Each program holds memory maps of its own, and XLA ends the process where there are no more.
    Every program of JAX is dropped, also the user's; the next call of it compiles it again.
    """
    if not _LIMIT.exists():
        return
    num_maps, limit = num_memory_maps(), int(_LIMIT.read_bytes())
    if num_maps <= _SHARE * limit:
        return
    jax.clear_caches()
    warnings.warn(
        f"this process held {num_maps:,} memory maps, most of them of compiled programs, and Linux "
        f"ends it at {limit:,}; all compiled programs were dropped, and those still in use are "
        f"compiled once more. To compile fewer, pass what differs between densities as data: "
        f"jax.tree_util.Partial(f, data), or a callable pytree; and keep settings that fix shapes "
        f"(max_components, desired_samples) equal.",
        stacklevel=4,
    )
