"""The argument ``mesh``: devices that share one run, or over which several are spread."""

from typing import Any

import jax
from jax.sharding import Mesh

from gmmvi_jax.densities.divided_data import is_divided, mesh_of_data
from gmmvi_jax.numerics.devices import AXIS
from gmmvi_jax.typing import PyTree


def mesh_of_one_run(mesh: Any, log_target: Any) -> Mesh | None:
    """Returns the devices that share a run, or None.

    They are one axis of the library's own, over which samples are divided; or, if the data of the
    target are divided, the mesh of these.

    Args:
        mesh: what the user gave; its axes may have any names.
        log_target: a callable pytree.

    Raises:
        TypeError: it is no mesh.
        ValueError: some processes have no device in it, or it is given besides that of the data.
    """
    of_data = mesh_of_data(log_target)
    if mesh is not None and of_data is not None:
        raise ValueError(
            f"the data of the log density are divided over {of_data.size} devices, which share all "
            f"of the run already; leave out mesh=."
        )
    mesh = _along_one_axis(mesh, AXIS) if of_data is None else of_data
    if mesh is not None:
        own = {device.process_index for device in mesh.devices.flat}
        if own not in ({jax.process_index()}, set(range(jax.process_count()))):
            raise ValueError(
                f"mesh has devices of processes {sorted(own)}, of {jax.process_count()}; give it "
                f"those of this process (jax.local_devices()), or some of all."
            )
    return mesh


def mesh_of_many_runs(mesh: Any, log_target: Any, data: PyTree | None) -> Mesh | None:
    """Returns the devices over which several runs are spread, as one axis; or None.

    Args:
        mesh: what the user gave; its axes may have any names.
        log_target: a callable pytree.
        data: of all runs, or None.

    Raises:
        TypeError: it is no mesh.
        ValueError: some of its devices are another process's; or the target or the data are divided
            over devices already.
    """
    if any(map(is_divided, jax.tree.leaves((log_target, data)))):
        raise ValueError(
            "train_many divides runs over devices (mesh=), and cannot take data that are divided "
            "already; give it arrays on one device, or fit one after another with train or fit."
        )
    mesh = _along_one_axis(mesh, "runs")
    if mesh is not None and mesh.is_multi_process:
        raise ValueError(
            "mesh has devices of other processes; give train_many those of this one "
            "(jax.local_devices()), and each process seeds of its own."
        )
    return mesh


def _along_one_axis(mesh: Any, name: str) -> Mesh | None:
    if mesh is None:
        return None
    if not isinstance(mesh, Mesh):
        raise TypeError(
            f'mesh must be a mesh of devices, such as jax.make_mesh((2,), ("devices",)); got '
            f"{mesh!r}."
        )
    # Nor with axes of explicit types, JAX's default: what is computed is told device by device.
    return Mesh(mesh.devices.reshape(-1), (name,))
