"""Rows of arrays whose leading axis may be spread over devices.

Indexing such an array makes all devices meet, which hangs XLA's CPU backend where it has no more
threads than devices (jaxlib 0.10.2). What a device holds is copied to the first one here instead.
"""

from typing import Any

import jax

from gmmvi_jax.requirements import is_traced
from gmmvi_jax.typing import PyTree


def is_spread(leaf: Any) -> bool:
    """Returns whether ``leaf`` is an array on several devices."""
    return isinstance(leaf, jax.Array) and not is_traced(leaf) and len(leaf.devices()) > 1


def blocks_of(tree: PyTree) -> list[PyTree]:
    """Returns the parts that the devices hold of a stacked pytree, in order, on the first device.

    Args:
        tree: of arrays [R, ...], all spread over the same devices, as many rows on each.
    """
    leaves, structure = jax.tree.flatten(tree)
    parts = zip(*map(_shards, leaves), strict=True)
    return [jax.tree.unflatten(structure, jax.device_put(part, jax.devices()[0])) for part in parts]


def row_of(leaf: Any, index: int) -> Any:
    """Returns ``leaf[index]``, on one device.

    Args:
        leaf: an array [R, ...].
        index: of the row; negative ones count from the end.
    """
    if not is_spread(leaf):
        return leaf[index]
    shards = _shards(leaf)
    device, row = divmod(index % leaf.shape[0], leaf.shape[0] // len(shards))
    return jax.device_put(shards[device], jax.devices()[0])[row]


def _shards(leaf: jax.Array) -> list[jax.Array]:
    """Returns what the devices hold, by the first row."""
    shards = sorted(leaf.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    return [shard.data for shard in shards]
