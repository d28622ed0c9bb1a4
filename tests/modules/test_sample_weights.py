"""Tests of what generated the samples: the balance heuristic, alone or in Stein's pass."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.modules.natural_gradients.sample_weights import with_background
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.samples.batch import SampleBatch

from ..oracles import database_of, make_batch, make_record, pad, random_mixture

D, BLOCK, CAPACITY, CHUNK = 2, 2, 6, 4
NUM_POINTS = 11
EXACT = 1e-10
COUNTS = pytest.mark.parametrize("counts", [[3, 3, 3], [1, 0, 8], [0, 0, 9], [2, 4, 0], [4, 4, 3]])

MIXTURE = random_mixture(np.random.default_rng(7), 3, D)
POINTS = 2.0 * np.random.default_rng(8).normal(size=(NUM_POINTS, D))
SLOPES = np.random.default_rng(9).normal(size=(NUM_POINTS, D))

weigh = jax.jit(with_background)


def background_of(counts: list[int]) -> np.ndarray:
    """Returns log of sum_o (n_o / n) N(x | o), and +inf for points that nobody counts."""
    densities = MIXTURE.component_log_densities(POINTS)
    weights = np.array(counts) / sum(counts)
    log_mixture = np.asarray(scipy.special.logsumexp(densities, b=weights, axis=1))
    return np.where(np.arange(NUM_POINTS) < sum(counts), log_mixture, np.inf)


def as_selected(counts: list[int]) -> SampleBatch:
    """Returns the batch as a selector leaves it: shares, and 0 or +inf."""
    unknown = np.where(np.isfinite(background_of(counts)), 0.0, np.inf)
    shares = np.zeros(CAPACITY)
    shares[:3] = np.array(counts) / sum(counts)
    batch = make_batch(POINTS, unknown, 16, CHUNK, target_gradient=SLOPES)
    return dataclasses.replace(batch, log_shares=jnp.log(jnp.asarray(shares)))


@jax.jit
def estimate(batch: SampleBatch) -> tuple[NaturalGradient, SampleBatch]:
    mixture = pad(MIXTURE, CAPACITY, BLOCK)
    buffers = NaturalGradient(jnp.zeros((CAPACITY, D)), jnp.zeros((CAPACITY, D, D)))
    record = make_record(CAPACITY)
    gradient, _, database = Stein()(
        mixture, record, (), database_of(batch), jnp.asarray(1.0), buffers
    )
    return gradient, database.batch


@pytest.mark.usefixtures("float64")
@COUNTS
def test_the_background_weighs_each_gaussian_by_how_many_samples_it_drew(counts: list[int]) -> None:
    found = np.asarray(weigh(pad(MIXTURE, CAPACITY, BLOCK), as_selected(counts)).log_background)
    np.testing.assert_allclose(found[:NUM_POINTS], background_of(counts), rtol=EXACT)
    assert found[NUM_POINTS] == np.inf


@pytest.mark.usefixtures("float64")
@COUNTS
def test_stein_fills_the_background_in_and_uses_it(counts: list[int]) -> None:
    found, batch = estimate(as_selected(counts))
    background = np.asarray(batch.log_background)
    np.testing.assert_allclose(background[:NUM_POINTS], background_of(counts), rtol=EXACT)
    assert background[NUM_POINTS] == np.inf
    complete = make_batch(POINTS, background_of(counts), 16, CHUNK, target_gradient=SLOPES)
    expected, _ = estimate(complete)
    for leaf, oracle in zip(found, expected, strict=True):
        np.testing.assert_allclose(leaf[:3], oracle[:3], rtol=EXACT, atol=EXACT)


def test_a_background_that_is_known_is_left_alone() -> None:
    batch = make_batch(POINTS, background_of([3, 3, 3]), 16, CHUNK)
    assert with_background(pad(MIXTURE, CAPACITY, BLOCK), batch) is batch
