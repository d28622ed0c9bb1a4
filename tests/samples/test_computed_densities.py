"""The balance heuristic of samples that are used once: in a pass of its own, or in Stein's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.samples.computed_densities import ComputedDensities
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array

from ..oracles import make_database, make_record, pad, random_mixture

D, BLOCK, CAPACITY, CHUNK = 2, 2, 6, 4
NUM_POINTS = 11
EXACT = 1e-10
COUNTS = pytest.mark.parametrize("counts", [[3, 3, 3], [1, 0, 8], [0, 0, 9], [2, 4, 0], [4, 4, 3]])

MIXTURE = random_mixture(np.random.default_rng(7), 3, D)
POINTS = 2.0 * np.random.default_rng(8).normal(size=(NUM_POINTS, D))
SLOPES = np.random.default_rng(9).normal(size=(NUM_POINTS, D))


def background_of(counts: list[int]) -> np.ndarray:
    """Returns log of sum_o (n_o / n) N(x | o)."""
    densities = MIXTURE.component_log_densities(POINTS)
    weights = np.array(counts) / sum(counts)
    return np.asarray(scipy.special.logsumexp(densities, b=weights, axis=1))


def given(counts: list[int]) -> SampleDatabase:
    """Returns samples with their background; those behind the first sum(counts) are not usable."""
    usable = np.arange(NUM_POINTS) < sum(counts)
    background = np.where(usable, background_of(counts), np.inf)
    return make_database(POINTS, background, 16, CHUNK, target_gradient=SLOPES)


def drawn(counts: list[int]) -> SampleDatabase:
    """Returns the same samples as a selector leaves them."""
    usable_counts = jnp.asarray(np.append(counts, [0, 0, 0]), jnp.int32)
    database = given(counts)
    densities = ComputedDensities(jnp.zeros(CAPACITY)).with_draws(
        pad(MIXTURE, CAPACITY, BLOCK),
        database.batch,
        usable_counts,
        usable_counts,
        jnp.zeros((), jnp.int32),
    )
    return database._replace(densities=densities)


@jax.jit
def weigh(database: SampleDatabase) -> Array:
    return database.densities.log_background(pad(MIXTURE, CAPACITY, BLOCK), database.batch)


@jax.jit
def estimate(database: SampleDatabase) -> tuple[NaturalGradient, Array]:
    mixture = pad(MIXTURE, CAPACITY, BLOCK)
    buffers = NaturalGradient(jnp.zeros((CAPACITY, D)), jnp.zeros((CAPACITY, D, D)))
    record = make_record(CAPACITY)
    gradient, _, background = Stein()(mixture, record, (), database, jnp.asarray(1.0), buffers)
    return gradient, background


@pytest.mark.usefixtures("float64")
@COUNTS
def test_the_background_weighs_each_gaussian_by_how_many_samples_it_drew(counts: list[int]) -> None:
    found = np.asarray(weigh(drawn(counts)))
    np.testing.assert_allclose(found[:NUM_POINTS], background_of(counts), rtol=EXACT)


@pytest.mark.usefixtures("float64")
@COUNTS
def test_stein_returns_the_background_and_uses_it(counts: list[int]) -> None:
    found, background = estimate(drawn(counts))
    np.testing.assert_allclose(background[:NUM_POINTS], background_of(counts), rtol=EXACT)
    expected, _ = estimate(given(counts))
    for leaf, oracle in zip(found, expected, strict=True):
        np.testing.assert_allclose(leaf[:3], oracle[:3], rtol=EXACT, atol=EXACT)
