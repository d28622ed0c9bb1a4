"""What a step costs, without a clock: memory, operations and bytes of the compiled program.

XLA counts the body of a loop with a traced trip count once: the operations are those of one block
of components on one chunk of samples, in every pass. A pass that is added, a buffer that is copied
or a product that grows shows up here before it shows up in a timing.
"""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.numerics.block_sizes import component_block, sample_chunk
from gmmvi_jax.training.chunk import run_chunk

MIB = 2**20
DIM, COMPONENTS, SAMPLES = 30, 1_000, 100_000


def half_square(point: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum(point**2)


def bytes_of(tree: Any) -> int:
    arrays = [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf.dtype, "itemsize")]
    return sum(leaf.size * leaf.dtype.itemsize for leaf in arrays)


@pytest.fixture(scope="module")
def compiled() -> Any:
    """A chunk of one step, compiled and never run: 1,000 components, 100,000 samples, 30-D."""
    algorithm = gmmvi.samtron(
        DIM,
        max_components=COMPONENTS,
        desired_samples=SAMPLES // COMPONENTS,
        average_iterates=False,
    ).algorithm
    state = jax.eval_shape(gmmvi.init, algorithm, jax.random.key(0))
    count = jax.ShapeDtypeStruct((), jnp.int32)
    target = as_log_density(half_square)
    return run_chunk.lower(algorithm, target, state, count, 1).compile()


def test_a_large_step_fits_into_little_memory(compiled: Any) -> None:
    memory = compiled.memory_analysis()
    # The samples with their gradients, an archive of as many, and the mixture with its gradients.
    samples = 4 * SAMPLES * (2 * DIM + DIM)
    assert memory.argument_size_in_bytes < 2 * samples
    # A fiftieth of [samples, components] floats, which are never held.
    assert memory.temp_size_in_bytes < 4 * SAMPLES * COMPONENTS / 50
    assert memory.argument_size_in_bytes + memory.temp_size_in_bytes < 128 * MIB
    # The state is updated in place.
    assert memory.alias_size_in_bytes > 0.99 * memory.output_size_in_bytes - MIB


def test_the_operations_of_a_step_do_not_grow(compiled: Any) -> None:
    costs = compiled.cost_analysis()
    # Densities of samples (old and updated components) and of candidates, the pull-back of the
    # mixture's gradient, the moments: five products of a block with a chunk. The loop over samples
    # outside of the support, which is not entered where there is none, has three more.
    block, chunk = component_block(DIM, COMPONENTS), sample_chunk(SAMPLES // COMPONENTS)
    one_product = 2 * block * chunk * DIM * (DIM + 1)
    assert 8 * one_product < costs["flops"] < 10 * one_product
    # Stored: 63.6 million bytes, 50 thousand exponentials and logarithms with jaxlib 0.10.2.
    assert costs["bytes accessed"] < 72e6
    assert costs["transcendentals"] < 60e3


def test_the_number_of_kernels_does_not_grow(compiled: Any) -> None:
    # On a CPU each takes 20 ms of a core to compile, however small. Stored: 455 with jaxlib 0.10.2.
    assert compiled.as_text().count(" fusion(") < 480


def test_no_buffer_of_all_components_is_transposed(compiled: Any) -> None:
    # LAPACK reads columns; where XLA gives that to it by turning the buffer around, every step
    # pays for the capacity.
    assert f"[{COMPONENTS},{DIM},{DIM}]{{2,1,0" in compiled.as_text()
    assert f"[{COMPONENTS},{DIM},{DIM}]{{1,2,0" not in compiled.as_text()
