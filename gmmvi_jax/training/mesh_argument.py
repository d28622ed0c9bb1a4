"""The argument ``mesh`` of ``train_many``: devices over which its runs are spread."""

from collections.abc import Sequence
from typing import Any

from jax.sharding import Mesh


def as_mesh(mesh: Any, seeds: Sequence[int]) -> Mesh | None:
    """Returns the devices of several runs, with axes that the partitioner may see to; or None.

    Args:
        mesh: what the user gave.
        seeds: of the runs, checked.

    Raises:
        TypeError: it is no mesh.
        ValueError: its number of devices does not divide that of the runs.
    """
    if mesh is None:
        return None
    if not isinstance(mesh, Mesh):
        raise TypeError(
            f'mesh must be a mesh of devices, such as jax.make_mesh((2,), ("runs",)); got {mesh!r}.'
        )
    rest = len(seeds) % mesh.size
    if rest:
        raise ValueError(
            f"{len(seeds)} seeds cannot be spread evenly over the {mesh.size} devices of mesh; "
            f"give {mesh.size - rest} more, or take {rest} away."
        )
    # Not those of explicit types, JAX's default: a run is taken out of the stack by its index.
    return Mesh(mesh.devices, mesh.axis_names)
