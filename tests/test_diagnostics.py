"""What is reported between chunks, and how a result hands on what its run knows."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.evaluation.elbo import mixture_elbo
from gmmvi_jax.mixture.padded import from_gmm
from gmmvi_jax.training.elbo_between_chunks import elbo_between_chunks

GAUSSIAN = gmmvi.GMM.from_moments([1.0], [[0.5, -1.0]], [[0.2, 0.4]])


def half(x):
    return jnp.where(x[0] > 0.0, -0.5 * x @ x, -jnp.inf)


def annealed(iteration):
    return jnp.where(iteration < 10, 4.0, 0.5)


def num_programs_of(function: Any) -> int:
    return function._cache_size()


def test_the_elbo_between_chunks_is_of_the_iterations_temperature():
    config = gmmvi.samtron(2, temperature=annealed, diagnostic_samples=200)
    target, key = as_log_density(half), jax.random.key(3)
    mixture = from_gmm(GAUSSIAN, 1)
    estimate = elbo_between_chunks(config, target, mixture, key)
    rows = [estimate(mixture, target, key, iteration) for iteration in (5, 20)]
    num_programs = num_programs_of(mixture_elbo)
    for row, temperature in zip(rows, (4.0, 0.5), strict=True):
        assert row["temperature"] == temperature
        expected = gmmvi.evaluation.elbo(GAUSSIAN, half, key, 20_000, temperature=temperature)
        assert abs(row["elbo"] - float(expected.mean)) < 5.0 * row["elbo_stderr"]
        share = int(expected.num_outside) / 20_000
        assert row["outside_share"] == pytest.approx(share, abs=4.0 * np.sqrt(share / 200))
    estimate(mixture, target, key, 30)
    assert num_programs_of(mixture_elbo) == num_programs + 1  # that of 20,000 samples is the other


def test_without_diagnostic_samples_only_the_temperature_is_known():
    config = gmmvi.samtron(2, temperature=2.0, diagnostic_samples=0)
    row = elbo_between_chunks(config, half, from_gmm(GAUSSIAN, 1), jax.random.key(0))(
        from_gmm(GAUSSIAN, 1), half, jax.random.key(0), 5
    )
    assert row["temperature"] == 2.0
    assert math.isnan(row["outside_share"])
    assert math.isnan(row["elbo_gap"])
    assert set(row) == {"temperature", "elbo_gap", "outside_share"}


@pytest.mark.slow
def test_a_result_is_diagnosed_at_its_last_temperature_with_its_archive_and_names():
    def target(position):
        return -0.5 * position["a"] ** 2 - 0.5 * (position["b"] - 1.0) ** 2 / 4.0

    config = gmmvi.samtron(
        {"a": 0.0, "b": 0.0}, temperature=0.25, num_iterations=30, diagnostic_samples=200
    )
    result = gmmvi.train(config, target)
    diagnosis = result.diagnose(num_samples=500)
    expected = np.log(2.0 * np.pi * 0.25 * 2.0)
    assert diagnosis.temperature == 0.25
    assert float(diagnosis.log_z.value) == pytest.approx(expected, abs=0.05)
    assert result.history["elbo"][-1] == pytest.approx(expected, abs=0.1)
    assert np.all(result.history["temperature"] == 0.25)
    assert result.previous is None or isinstance(result.previous, gmmvi.GMM)
    assert diagnosis.num_evaluations > 500 + result.gmm.num_components
    assert "temperature 0.25" in str(diagnosis)
