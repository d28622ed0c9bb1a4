"""Block sizes of all blocked loops.

A pass holds one block of components times one chunk of samples at a time: their whitened
differences, [components, D, samples].
"""

from typing import NamedTuple

import jax

from gmmvi_jax.numerics.blocks import round_up

PREFERRED_CHUNK = 512  # samples per chunk: long enough for the matrix products, fits the cache
# Components per block by dimension: (largest dimension, block size). Large enough to amortise the
# start of a matrix product, small enough that the last, partly empty block wastes little. Measured
# on 2 CPU cores; larger blocks are not faster there.
_COMPONENT_BLOCKS = ((12, 8), (24, 4))
_LARGEST_DIMENSIONS_BLOCK = 2

# A GPU or TPU takes as long for a small product as for a large one. A guess, not measured.
ACCELERATOR_CHUNK_BYTES = 2**24
_LONGEST_CHUNK = 4096
_SHORTEST_CHUNK = 64


class BlockSizes(NamedTuple):
    """How much a pass visits at a time.

    Attributes:
        components: components per block.
        samples: samples per chunk, approximately.
    """

    components: int
    samples: int


def component_block(dim: int, max_components: int) -> int:
    """Returns the number of components per block on a CPU."""
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
        max_components: capacity of the mixture.
        max_chunk_bytes: bound on the bytes that a pass holds. It is spent on samples first, up to
            4,096 per chunk, then on components. None: the default of JAX's backend, which is the
            measured sizes on a CPU and 16 MiB elsewhere.
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
    """Returns the rows per chunk of a pass over ``num_rows`` rows outside of a step."""
    sizes = block_sizes(dim, max_components, max_chunk_bytes, itemsize)
    return min(sizes.samples, num_rows)


def sample_chunk(desired_samples: int, preferred: int = PREFERRED_CHUNK) -> int:
    """Returns the samples per chunk, where samples come in multiples of ``desired_samples``.

    Either a whole number of chunks fits a multiple (approximately), or a whole number of multiples
    fits a chunk. The rest of the last chunk is computed without being counted: almost nothing in
    the first case, less than a chunk in the second.

    Args:
        desired_samples: samples come in multiples of this number.
        preferred: preferred samples per chunk.
    """
    if desired_samples > preferred:
        num_chunks = round_up(desired_samples, preferred) // preferred
        return -(-desired_samples // num_chunks)
    return desired_samples * (preferred // desired_samples)
