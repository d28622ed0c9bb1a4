"""A mixture that is too large for the memory is refused before it is allocated."""

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.training import compiled_programs
from gmmvi_jax.training import memory as memory


def gaussian(x):
    return -0.5 * jnp.sum(x**2)


@pytest.mark.parametrize("dim", [20_000, 100_000])
def test_full_covariances_in_too_many_dimensions_are_refused(dim, monkeypatch):
    monkeypatch.setattr(memory, "_memory_of_device", lambda: 64 * 2**30)
    config = gmmvi.samtron(dim, max_database_size=100)
    with pytest.raises(ValueError, match=r"would need about .* GiB, and there are 64.0 GiB") as one:
        gmmvi.train(config, gaussian)
    for knob in ("max_components=100", "diagonal=True", "desired_samples", "max_database_size"):
        assert knob in str(one.value)
    with pytest.raises(ValueError, match=r"the runs \(3 at once; pass fewer seeds\)"):
        gmmvi.train_many(config, gaussian, range(3))


@pytest.mark.slow
def test_the_estimate_is_the_state_and_one_more_copy_of_the_covariances(monkeypatch):
    config = gmmvi.samtron(
        200, max_components=64, desired_samples=10, max_database_size=100, num_iterations=1
    )
    copy = 64 * 200 * 200 * 4
    monkeypatch.setattr(memory, "_memory_of_device", lambda: 5 * copy)
    with pytest.raises(ValueError, match=r"would need about 0.1 GiB.*or average_iterates=False"):
        gmmvi.train(config, gaussian)
    monkeypatch.setattr(memory, "_memory_of_device", lambda: 6 * copy)
    gmmvi.train(config, gaussian)
    monkeypatch.setattr(memory, "_memory_of_device", lambda: None)
    gmmvi.train(config.replace(diagnostic_samples=0), gaussian)


def test_the_memory_of_this_machine_is_known():
    found = memory._memory_of_device()
    assert found is None or found > 2**28


@pytest.mark.slow
def test_compiled_programs_are_dropped_before_linux_ends_the_process(monkeypatch, tmp_path):
    limit = tmp_path / "max_map_count"
    limit.write_text("100\n", encoding="ascii")
    config = gmmvi.samtron(2, max_components=3, desired_samples=10, num_iterations=1)
    expected = gmmvi.train(config, gaussian)
    monkeypatch.setattr(compiled_programs, "_LIMIT", limit)
    with pytest.warns(UserWarning, match=r"memory maps.* Linux ends it at 100; .*Partial"):
        again = gmmvi.train(config, gaussian)
    np.testing.assert_array_equal(again.gmm.means, expected.gmm.means)
    monkeypatch.setattr(compiled_programs, "_MAPS", tmp_path / "of another system")
    gmmvi.train(config, gaussian)
