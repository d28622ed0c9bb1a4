"""Processes that share one run: what they agree on, and what the first one does alone.

Every process runs the same lines of Python, as JAX asks for, and comes to the same state. What its
clock, its user and its disk tell a process are not the same, and must not lead it elsewhere: it
would wait for the others in a step that they never take.
"""

from collections.abc import Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh


def is_spread_over_processes(mesh: Mesh | None) -> bool:
    """Returns whether other processes have some of the devices."""
    return mesh is not None and mesh.is_multi_process


def is_first(mesh: Mesh | None) -> bool:
    """Returns whether this process writes, prints and calls back."""
    return not is_spread_over_processes(mesh) or jax.process_index() == 0


def of_first(value: float, mesh: Mesh | None) -> float:
    """Returns the value that the first process has."""
    if not is_spread_over_processes(mesh):
        return value
    # In two halves, since JAX rounds to float32 where float64 is not enabled.
    words = np.asarray([value], np.float64).view(np.uint32)
    return float(np.asarray(multihost_utils.broadcast_one_to_all(words)).view(np.float64)[0])


def of_any(answers: Sequence[bool], mesh: Mesh | None) -> Sequence[bool]:
    """Returns for each question whether any process answers yes."""
    if not is_spread_over_processes(mesh):
        return answers
    gathered = multihost_utils.process_allgather(np.asarray(answers, np.int32))
    return [bool(answer) for answer in np.any(gathered > 0, axis=0)]


def require_same(name: str, value: int, what: str, mesh: Mesh | None) -> None:
    """Raises ValueError, in all processes, where not all of them have the same number.

    Args:
        name: of the argument.
        value: of this process.
        what: it is, and the cure.
        mesh: of the run.
    """
    if not is_spread_over_processes(mesh):
        return
    values = np.asarray(multihost_utils.process_allgather(np.asarray(value, np.int32))).ravel()
    if len(set(values.tolist())) > 1:
        raise ValueError(f"{name}: {what}; the processes have {values.tolist()}.")
