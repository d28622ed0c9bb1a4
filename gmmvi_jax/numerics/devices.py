"""Work that several devices share within one run.

Every device holds the whole state and takes the same step, so that draws and decisions need no
exchange. What costs is divided: of the blocks of a loop each device visits its own, one in
``num_devices``, and then all learn what the others found, in a number of exchanges that does not
depend on the number of blocks. Without a mesh there is one device, nothing is divided, and the
compiled program is that of the plain loop.

The devices are those of the axis ``AXIS`` of a ``jax.shard_map``. JAX knows it while a function
inside is traced, and never takes a program compiled with it for one without.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gmmvi_jax.numerics.blocks import fold_blocks
from gmmvi_jax.numerics.weighted_sum import WeightedSum
from gmmvi_jax.typing import Array, PyTree

AXIS = "devices_of_one_run"
Carry = TypeVar("Carry")


Function = TypeVar("Function", bound=Callable[..., Any])


def shared(function: Function, mesh: Mesh | None) -> Function:
    """Returns a function that all devices call together, with the same arguments.

    Args:
        function: of arrays that every device holds, to such arrays.
        mesh: with the axis ``AXIS``; or that over which data among the arguments are divided, and
            then JAX's partitioner divides the work; None: the function as it is.
    """
    if mesh is None:
        return function
    everywhere = PartitionSpec()
    if AXIS not in mesh.axis_names:
        return _partitioned(function, NamedSharding(mesh, everywhere))
    return jax.shard_map(
        function, mesh=mesh, in_specs=everywhere, out_specs=everywhere, check_vma=False
    )


def _partitioned(function: Any, sharding: NamedSharding) -> Any:
    def partitioned(*arguments: Any) -> Any:
        return lax.with_sharding_constraint(function(*arguments), sharding)

    return partitioned


def num_devices() -> int:
    """Returns how many devices share the run that is traced; 1 without a mesh."""
    mesh = jax.sharding.get_abstract_mesh()
    return mesh.shape[AXIS] if AXIS in mesh.manual_axes else 1


def rows_per_visit(chunk_size: int) -> int:
    """Returns how many rows of a chunk one device takes: all, or its part of every chunk.

    Args:
        chunk_size: C; where the number of devices does not divide it the parts are larger.
    """
    return chunk_size // math.gcd(chunk_size, num_devices())


def fold_own_blocks(
    count: Array, size: int, body: Callable[[Array, Carry], Carry], initial: Carry
) -> Carry:
    """Folds over this device's blocks; see ``fold_blocks``.

    The carries of the devices differ from here on, until ``merged_rows`` or its like.
    """
    if num_devices() == 1:
        return fold_blocks(count, size, body, initial)
    stride = size * num_devices()
    first = lax.axis_index(AXIS).astype(jnp.int32) * size
    num_own = jnp.maximum(count - first + stride - 1, 0) // stride
    return fold_blocks(num_own, 1, lambda i, carry: body(first + i * stride, carry), initial)


def write_rows(
    count: Array, size: int, body: Callable[[Array, PyTree], PyTree], buffers: PyTree
) -> PyTree:
    """Folds over blocks each of which writes its own rows of the buffers [N, ...], and no others.

    Args:
        count: rows to visit, int32 scalar, traced.
        size: rows per block.
        body: see ``fold_blocks``.
        buffers: the carry.
    """
    written = fold_own_blocks(count, size, body, buffers)
    return merged_rows(buffers, written, count, size)


def merged_rows(
    before: PyTree, after: PyTree, count: Array, size: int, first_row: Array | int = 0
) -> PyTree:
    """Returns arrays [N, ...] with the rows that all devices have written.

    Args:
        before: the arrays before ``fold_own_blocks``.
        after: as this device left them.
        count: rows that were visited, by all together.
        size: rows per block.
        first_row: where they begin.
    """
    if num_devices() == 1:
        return after
    rows = jnp.arange(len(jax.tree.leaves(after)[0]), dtype=jnp.int32) - first_row
    is_visited = (rows >= 0) & (rows < count)
    is_own = is_visited & (rows // size % num_devices() == lax.axis_index(AXIS))

    def merge(old: Array, new: Array) -> Array:
        own, visited = (mask.reshape(-1, *(1,) * (new.ndim - 1)) for mask in (is_own, is_visited))
        number = new.astype(jnp.int32) if new.dtype == bool else new
        total = lax.psum(jnp.where(own, number, jnp.zeros_like(number)), AXIS)
        return jnp.where(visited, total.astype(new.dtype), old)

    return jax.tree.map(merge, before, after)


def merged_sums(sums: WeightedSum) -> tuple[WeightedSum, Array]:
    """Returns the sums over the samples of all devices, and what this device's were scaled by.

    Args:
        sums: [K] stacked, of this device's samples.
    """
    if num_devices() == 1:
        return sums, jnp.ones_like(sums.log_scale)
    log_scale = lax.pmax(sums.log_scale, AXIS)
    decay = jnp.exp(sums.log_scale - log_scale)
    is_empty = sums.total_weight == 0.0

    def merge(value: Array) -> Array:
        scale, empty = (each.reshape(-1, *(1,) * (value.ndim - 1)) for each in (decay, is_empty))
        return lax.psum(jnp.where(empty, 0.0, value * scale), AXIS)

    total_weight = lax.psum(sums.total_weight * decay, AXIS)
    return WeightedSum(log_scale, total_weight, jax.tree.map(merge, sums.value)), decay


def from_first(tree: PyTree) -> PyTree:
    """Returns what the first device has.

    All should have the same; but programs of several processes need not round alike.
    """
    if num_devices() == 1:
        return tree
    is_first = lax.axis_index(AXIS) == 0

    def send(leaf: Array) -> Array:
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            data, implementation = jax.random.key_data(leaf), jax.random.key_impl(leaf)
            return jax.random.wrap_key_data(send(data), impl=implementation)
        number = leaf.astype(jnp.int32) if leaf.dtype == bool else leaf
        sent = lax.psum(jnp.where(is_first, number, jnp.zeros_like(number)), AXIS)
        return sent.astype(leaf.dtype)

    return jax.tree.map(send, tree)


def total_of(counts: PyTree) -> PyTree:
    """Returns the sums of what the devices counted."""
    return counts if num_devices() == 1 else lax.psum(counts, AXIS)


def lowest_of(value: Array) -> Array:
    """Returns the least of what the devices found."""
    return value if num_devices() == 1 else lax.pmin(value, AXIS)


def highest_of(value: Array) -> Array:
    """Returns the greatest of what the devices found."""
    return value if num_devices() == 1 else lax.pmax(value, AXIS)
