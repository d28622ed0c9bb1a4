"""A run that several devices share, seen from the host: what each holds, and what one holds.

Between chunks of steps everything is as without a mesh, on one device; a chunk begins with a copy
of the state for each device, and ends with that of the first, since all are the same.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gmmvi_jax.densities.divided_data import is_divided
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.typing import PyTree


def everywhere(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Returns a pytree of which each device holds a copy, but for data that are divided.

    Args:
        tree: of arrays, the same in all processes; numbers stay as they are.
        mesh: of the devices, those of other processes among them; None: the tree stays as it is.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec())

    # Not ``device_put`` of a sharding, by which processes compare what they put.
    def put(leaf: Any) -> Any:
        if not isinstance(leaf, jax.Array) or is_divided(leaf):
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(
                put(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf)
            )
        copies = [jax.device_put(leaf, device) for device in mesh.local_devices]
        return jax.make_array_from_single_device_arrays(leaf.shape, sharding, copies)

    return jax.tree.map(put, tree)


def shapes_everywhere(shapes: PyTree, mesh: Mesh | None) -> PyTree:
    """Returns the shapes of a pytree with the devices that will hold a copy each."""
    if mesh is None:
        return shapes
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), shapes
    )


def here(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Returns what the first device of this process holds of a pytree that is everywhere.

    With a mesh it waits for the program that computes it: an error of the user's function, which
    the devices do not learn of (``host_errors.kept_errors``), is raised here.
    """
    if mesh is None:
        return tree
    with own_errors():
        jax.block_until_ready(tree)

    def first(leaf: Any) -> Any:
        return leaf.addressable_shards[0].data

    return jax.tree.map(first, tree)
