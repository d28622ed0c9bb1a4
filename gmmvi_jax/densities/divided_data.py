"""Targets whose data are divided over devices, by ``jax.device_put`` with a sharding.

JAX's partitioner makes one program for all of these devices: each evaluates the target at all
samples with its own rows of the data, they add up what they found, and each does the rest.
"""

from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding

from gmmvi_jax.requirements import is_traced


def is_divided(leaf: Any) -> bool:
    """Returns whether an array has parts on several devices."""
    is_array = isinstance(leaf, jax.Array) and not is_traced(leaf)
    return is_array and not leaf.is_fully_replicated


def mesh_of_data(log_target: Any) -> Mesh | None:
    """Returns the devices over which the data of a target are divided, None if they are not.

    Args:
        log_target: a callable pytree.

    Raises:
        ValueError: parts of the data are on other devices than the rest, or their sharding is not
            a ``NamedSharding``.
    """
    leaves = [leaf for leaf in jax.tree.leaves(log_target) if is_divided(leaf)]
    meshes = {_mesh_of(leaf) for leaf in leaves}
    if len(meshes) > 1 or (meshes and None in meshes):
        raise ValueError(
            "the arrays of the log density are divided over devices in different ways; put all of "
            "them with a NamedSharding of one mesh."
        )
    return next(iter(meshes), None)


def _mesh_of(leaf: jax.Array) -> Mesh | None:
    mesh = leaf.sharding.mesh if isinstance(leaf.sharding, NamedSharding) else None
    return mesh if isinstance(mesh, Mesh) else None


def with_automatic_axes(log_target: Any) -> Any:
    """Returns the target with data whose axes JAX's partitioner may use as it likes.

    With axes of explicit types, JAX's default, the user would have to say for every product of
    matrices how the result is divided.

    Args:
        log_target: a callable pytree.
    """

    def relabelled(leaf: Any) -> Any:
        mesh = _mesh_of(leaf) if is_divided(leaf) else None
        if mesh is None:
            return leaf
        automatic = Mesh(mesh.devices, mesh.axis_names)
        return jax.device_put(leaf, NamedSharding(automatic, leaf.sharding.spec))

    if not any(map(is_divided, jax.tree.leaves(log_target))):
        return log_target
    return jax.tree.map(relabelled, log_target)
