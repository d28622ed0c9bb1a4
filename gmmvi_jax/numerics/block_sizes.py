"""How large the blocks are: the one table of sizes, chosen by measurement on 2 CPU cores."""

from gmmvi_jax.numerics.blocks import round_up

PREFERRED_CHUNK = 512  # samples per chunk: long enough for the matrix products, fits the cache
# Components per block by dimension: (largest dimension, block size). Large enough for one product
# to be worth its start, small enough that the last block, partly empty, wastes little.
_COMPONENT_BLOCKS = ((12, 8), (24, 4))
_LARGEST_DIMENSIONS_BLOCK = 2


def component_block(dim: int, max_components: int) -> int:
    """Returns how many components a block holds."""
    for largest, size in _COMPONENT_BLOCKS:
        if dim <= largest:
            return min(size, max_components)
    return min(_LARGEST_DIMENSIONS_BLOCK, max_components)


def sample_chunk(desired_samples: int) -> int:
    """Returns how many samples a chunk holds, where samples come in multiples of a number.

    About a whole number of chunks per multiple, or a whole number of multiples per chunk. The
    rows of the last chunk that nobody asked for are computed all the same (and not counted):
    next to none in the first case, less than a chunk in the second.
    """
    if desired_samples > PREFERRED_CHUNK:
        num_chunks = round_up(desired_samples, PREFERRED_CHUNK) // PREFERRED_CHUNK
        return -(-desired_samples // num_chunks)
    return desired_samples * (PREFERRED_CHUNK // desired_samples)
