"""How large blocks are, and that a run does not depend on it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.evaluation.elbo import mixture_elbo
from gmmvi_jax.numerics.block_sizes import block_sizes, sample_chunk


@pytest.mark.parametrize("max_chunk_bytes", [1, 1_000, 2**16, 2**20, 2**24, 2**30])
@pytest.mark.parametrize("dim", [1, 10, 31, 300, 5_000])
def test_a_block_times_a_chunk_fits(dim: int, max_chunk_bytes: int) -> None:
    components, samples = block_sizes(dim, 100, max_chunk_bytes)
    assert 1 <= components <= 100
    assert 1 <= samples <= 4096
    assert 4 * dim * components * samples <= max(max_chunk_bytes, 4 * dim)
    # Nothing is left over that another sample or component would fit into.
    spare = max_chunk_bytes - 4 * dim * components * samples
    assert spare < 4 * dim * max(samples, components) or (components, samples) == (100, 4096)


def test_the_cpu_has_its_measured_sizes() -> None:
    assert jax.default_backend() == "cpu"
    assert [block_sizes(dim, 100) for dim in (2, 20, 31)] == [(8, 512), (4, 512), (2, 512)]


def test_samples_of_the_mixture_are_not_padded() -> None:
    assert gmmvi.ibayes_gmm(2).algorithm.sample_selector.chunk_size(512) == 200
    assert sample_chunk(200) == 400  # for a number that comes in multiples


@pytest.mark.slow
def test_a_run_in_small_blocks_fits_as_well() -> None:
    mean, variance = jnp.asarray([1.0, -2.0]), jnp.asarray([0.5, 2.0])

    def log_target(x: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum((x - mean) ** 2 / variance)

    config = gmmvi.samtron(2, num_iterations=60, log_every=60, max_chunk_bytes=400)
    result = gmmvi.train(config, log_target)
    state = result.state
    assert (state.mixture.block_size, state.database.batch.chunk_size) == (1, 50)
    log_z = 0.5 * float(jnp.sum(jnp.log(2 * jnp.pi * variance)))
    np.testing.assert_allclose(result.history["elbo"][-1], log_z, atol=0.02)

    target = as_log_density(log_target)

    def temporary_bytes(max_chunk_bytes: int | None) -> int:
        program = mixture_elbo.lower(
            state.mixture, target, jax.random.key(0), 2000, max_chunk_bytes
        )
        memory = program.compile().memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes

    held = 2000 * 5 * 4  # the draws, their ratios and origins
    assert temporary_bytes(400) < 2 * held < temporary_bytes(2**20)


def test_a_size_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="max_chunk_bytes"):
        gmmvi.samtron(2, max_chunk_bytes=0)
