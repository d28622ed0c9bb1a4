"""How large the blocks are: the one place that says so.

A pass holds one block of components times one chunk of samples at a time, and what it holds are
their whitened differences, [components, D, samples].
"""

from typing import NamedTuple

import jax

from gmmvi_jax.numerics.blocks import round_up

PREFERRED_CHUNK = 512  # samples per chunk: long enough for the matrix products, fits the cache
# Components per block by dimension: (largest dimension, block size). Large enough for one product
# to be worth its start, small enough that the last block, partly empty, wastes little. Measured
# on 2 CPU cores, where nothing is faster by being larger.
_COMPONENT_BLOCKS = ((12, 8), (24, 4))
_LARGEST_DIMENSIONS_BLOCK = 2

# Of a GPU or TPU, which is as slow for a small product as for a large one: not measured.
ACCELERATOR_CHUNK_BYTES = 2**24
_LONGEST_CHUNK = 4096
_SHORTEST_CHUNK = 64


class BlockSizes(NamedTuple):
    """How much a pass visits at a time.

    Attributes:
        components: per block.
        samples: per chunk, about.
    """

    components: int
    samples: int


def component_block(dim: int, max_components: int) -> int:
    """Returns how many components a block holds on a CPU."""
    for largest, size in _COMPONENT_BLOCKS:
        if dim <= largest:
            return min(size, max_components)
    return min(_LARGEST_DIMENSIONS_BLOCK, max_components)


def block_sizes(
    dim: int, max_components: int, max_chunk_bytes: int | None = None, itemsize: int = 4
) -> BlockSizes:
    """Returns the sizes for a problem.

    Args:
        dim: dimensions D.
        max_components: how many components there can ever be.
        max_chunk_bytes: most bytes of what a pass holds. Samples have the first claim to room,
            up to 4,096 in a chunk, then components. None: what JAX's default backend is best
            with: on a CPU the sizes measured there, 16 MiB elsewhere.
        itemsize: bytes of a float.
    """
    components = component_block(dim, max_components)
    if max_chunk_bytes is None:
        if jax.default_backend() == "cpu":
            return BlockSizes(components, PREFERRED_CHUNK)
        max_chunk_bytes = ACCELERATOR_CHUNK_BYTES
    room = max(1, max_chunk_bytes // (itemsize * dim))  # samples times components
    samples = min(max(room // components, min(room, _SHORTEST_CHUNK)), _LONGEST_CHUNK)
    if samples <= _SHORTEST_CHUNK or samples == _LONGEST_CHUNK:
        components = min(max(room // samples, 1), max_components)
    return BlockSizes(components, samples)


def row_chunk(
    dim: int,
    max_components: int,
    num_rows: int,
    max_chunk_bytes: int | None = None,
    itemsize: int = 4,
) -> int:
    """Returns how many rows a chunk holds where a pass outside a step visits ``num_rows``."""
    sizes = block_sizes(dim, max_components, max_chunk_bytes, itemsize)
    return min(sizes.samples, num_rows)


def sample_chunk(desired_samples: int, preferred: int = PREFERRED_CHUNK) -> int:
    """Returns how many samples a chunk holds, where samples come in multiples of a number.

    About a whole number of chunks per multiple, or a whole number of multiples per chunk. The
    rows of the last chunk that nobody asked for are computed all the same (and not counted):
    next to none in the first case, less than a chunk in the second.

    Args:
        desired_samples: the number.
        preferred: samples per chunk.
    """
    if desired_samples > preferred:
        num_chunks = round_up(desired_samples, preferred) // preferred
        return -(-desired_samples // num_chunks)
    return desired_samples * (preferred // desired_samples)
