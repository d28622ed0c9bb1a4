"""Tests of sample selection: what is drawn, what is evaluated, and the density behind it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.mixture.drawing import Draws
from gmmvi_jax.modules.sample_selectors.component_based import ComponentBased
from gmmvi_jax.modules.sample_selectors.weighting import evaluate_batch
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.archive import empty_archive
from gmmvi_jax.samples.batch import OUTSIDE_DEPTH, SampleAccount, SampleBatch, empty_batch
from gmmvi_jax.samples.computed_densities import ComputedDensities
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array

from ..oracles import HostTarget, Mixture, pad, random_mixture

D, BLOCK, CAPACITY = 2, 2, 6
DESIRED = 5
SELECTOR = ComponentBased(DESIRED)
select = jax.jit(ComponentBased.__call__)
EXACT = 1e-10


def bump(point: Array) -> Array:
    """A target that is outside of its support on one side and broken on the other."""
    value = -0.5 * jnp.sum((point - 1.0) ** 2)
    return jnp.where(point[0] < -1.0, -jnp.inf, jnp.where(point[0] > 3.0, jnp.nan, value))


def empty_database(selector: ComponentBased) -> SampleDatabase:
    dtype, chunk_size = jnp.result_type(float), selector.chunk_size(512)
    num_rows = selector.max_samples(CAPACITY)
    batch = empty_batch(num_rows, D, chunk_size, dtype)
    # Buffers hold what an earlier, larger batch left in them.
    stale = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 77, leaf.dtype), batch)
    archive = empty_archive(num_rows, D, chunk_size, False, dtype)
    return SampleDatabase(stale, archive, ComputedDensities(jnp.zeros(CAPACITY, dtype)))


def log_mix(mixture: Mixture, counts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Returns log of sum_o (n_o / n) N(x | o), the balance heuristic."""
    terms = mixture.component_log_densities(points)
    return np.asarray(scipy.special.logsumexp(terms, b=counts / counts.sum(), axis=1))


# --- the whole selector ----------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("num_components", [1, 4, 6])
def test_the_batch_says_what_density_generated_it(num_components: int) -> None:
    mixture = random_mixture(np.random.default_rng(3), num_components, D)
    database = empty_database(SELECTOR)
    key = jax.random.key(num_components)
    padded = pad(mixture, CAPACITY, BLOCK)
    database, info = select(SELECTOR, key, jax.tree_util.Partial(bump), padded, database)
    batch = database.batch
    num_samples = DESIRED * num_components
    assert batch.num_samples == info.num_drawn == num_samples
    points = np.asarray(batch.points)[:num_samples]
    outside, broken = points[:, 0] < -1.0, points[:, 0] > 3.0
    assert num_components == 1 or (np.any(outside) and np.any(broken))
    usable_counts = np.bincount(
        np.repeat(np.arange(num_components), DESIRED), weights=~broken, minlength=num_components
    )
    assert batch.num_usable == num_samples - info.num_unusable == usable_counts.sum()
    np.testing.assert_array_equal(
        np.asarray(batch.origins)[:num_samples], np.repeat(np.arange(num_components), DESIRED)
    )
    expected = log_mix(mixture, usable_counts, points)
    log_background = np.asarray(database.densities.log_background(padded, batch))
    np.testing.assert_allclose(log_background[:num_samples], expected, rtol=EXACT)
    num_visited = -(-num_samples // batch.chunk_size) * batch.chunk_size
    usable = np.asarray(batch.usable)
    np.testing.assert_array_equal(usable[:num_samples], ~broken)
    assert not np.any(usable[num_samples:num_visited])

    values = -0.5 * np.sum((points - 1.0) ** 2, axis=1)
    inside = values[~outside & ~broken]
    floor = (inside.min() if len(inside) else 0.0) - 100.0
    expected_values = np.where(outside, floor, np.where(broken, 0.0, values))
    np.testing.assert_allclose(
        np.asarray(batch.log_target)[:num_samples], expected_values, rtol=EXACT
    )
    expected_gradient = np.where((outside | broken)[:, None], 0.0, 1.0 - points)
    np.testing.assert_allclose(
        np.asarray(batch.target_gradient)[:num_samples], expected_gradient, rtol=EXACT
    )
    # The archive got the same samples, the broken ones as -inf.
    assert database.archive.count == num_samples
    archived = np.asarray(database.archive.log_target)[:num_samples]
    np.testing.assert_allclose(
        archived, np.where(broken | outside, -np.inf, expected_values), rtol=EXACT
    )
    np.testing.assert_array_equal(database.archive.points[:num_samples], points)


def test_every_component_draws_the_desired_number_whatever_its_weight() -> None:
    # Components far apart: the sample says where it comes from.
    means = 100.0 * np.arange(1.0, 5.0)[:, None] * np.ones(D)
    mixture = Mixture(
        np.array([1.0 - 3e-20, 1e-20, 1e-20, 1e-20]), means, np.tile(np.eye(D), (4, 1, 1))
    )
    batch = select(
        SELECTOR,
        jax.random.key(0),
        jax.tree_util.Partial(bump),
        pad(mixture, CAPACITY, BLOCK),
        empty_database(SELECTOR),
    )[0].batch
    origins = np.rint(np.asarray(batch.points)[: 4 * DESIRED, 0] / 100.0)
    np.testing.assert_array_equal(np.bincount(origins.astype(int))[1:], np.full(4, DESIRED))


def test_the_target_is_evaluated_at_the_samples_and_nowhere_else() -> None:
    target = HostTarget(lambda points: -np.sum(np.square(points), axis=-1))
    for num_components in (3, 6):
        target.seen.clear()
        mixture = random_mixture(np.random.default_rng(3), num_components, D)
        padded = pad(mixture, CAPACITY, BLOCK)
        database, info = select(
            SELECTOR, jax.random.key(1), target, padded, empty_database(SELECTOR)
        )
        batch = database.batch
        points = np.asarray(batch.points)[: int(info.num_drawn)]
        assert len(points) == DESIRED * num_components
        np.testing.assert_array_equal(np.unique(target.seen, axis=0), np.unique(points, axis=0))
        # The remainder of the last chunk repeats points that were asked for.
        assert len(target.seen) == -(-len(points) // batch.chunk_size) * batch.chunk_size


@pytest.mark.parametrize("desired_samples", [1, 5, 100, 511, 512, 513, 1200])
def test_the_buffers_hold_the_most_samples_an_iteration_can_use(desired_samples: int) -> None:
    selector = ComponentBased(desired_samples)
    assert selector.max_samples(7) == 7 * desired_samples
    chunk_size = selector.chunk_size(512)
    assert 1 <= chunk_size <= 512
    # Whole multiples per chunk, or as many chunks per multiple as there must be.
    assert chunk_size % desired_samples == 0 or (
        -(-desired_samples // chunk_size) == -(-desired_samples // 512)
    )


# --- evaluation of given points --------------------------------------------------------------


@register_pytree
@dataclasses.dataclass(frozen=True)
class Table:
    """A target that looks up value and gradient: the point's first coordinate is the row."""

    values: Array  # [N]
    gradients: Array  # [N, D]

    def __call__(self, point: Array, /) -> Array:
        return self.values[point[0].astype(jnp.int32)]

    def value_and_grad(self, point: Array) -> tuple[Array, Array]:
        row = point[0].astype(jnp.int32)
        return self.values[row], self.gradients[row]


COUNTS = np.array([4, 0, 3, 4])
ROWS = COUNTS.sum()
CHUNK = 4


@jax.jit
def evaluate_table(table: Table, counts: Array) -> tuple[SampleBatch, Array, SampleAccount]:
    points = jnp.arange(16.0)[:, None] * jnp.ones(D)
    buffers = empty_batch(12, D, CHUNK, jnp.result_type(float))
    first = jnp.zeros((), jnp.int32)
    draws = Draws(points, jnp.asarray(np.resize(ORIGINS, 16), jnp.int32))
    return evaluate_batch(jax.random.key(0), table, draws, counts, first, buffers)


def evaluate_values(
    values: np.ndarray, gradients: np.ndarray
) -> tuple[SampleBatch, np.ndarray, SampleAccount]:
    padded = np.full(16, np.nan)  # what is behind the samples must not matter
    padded[:ROWS] = values
    table = Table(jnp.asarray(padded, float), jnp.asarray(np.resize(gradients, (16, D)), float))
    batch, counts, account = evaluate_table(table, jnp.asarray(COUNTS, jnp.int32))
    return batch, np.asarray(counts), account


VALUES = np.array([-1.0, 2.0, -7.5, 0.0, 3.0, 1.0, -2.0, 5.0, 4.0, -3.0, -4.0])
GRADIENTS = np.arange(1.0, 2 * ROWS + 1.0).reshape(ROWS, D)
ORIGINS = np.repeat(np.arange(4), COUNTS)


def test_without_surprises_every_sample_counts() -> None:
    batch, counts, account = evaluate_values(VALUES, GRADIENTS)
    np.testing.assert_array_equal(counts, COUNTS)
    np.testing.assert_array_equal(np.asarray(batch.log_target)[:ROWS], VALUES)
    np.testing.assert_array_equal(np.asarray(batch.target_gradient)[:ROWS], GRADIENTS)
    usable = np.asarray(batch.usable)
    assert np.all(usable[:ROWS])
    assert not usable[ROWS]  # the rest of the last chunk
    assert np.asarray(batch.log_target)[ROWS] == 0.0
    np.testing.assert_array_equal(np.asarray(batch.target_gradient)[ROWS], np.zeros(D))
    assert batch.num_samples == batch.num_usable == ROWS
    assert not np.any(batch.outside)
    assert tuple(map(int, account.counts)) == (ROWS, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("value", "gradient"),
    [(np.nan, 1.0), (np.inf, 1.0), (1.0, np.nan), (1.0, np.inf), (1.0, -np.inf), (np.nan, np.nan)],
)
@pytest.mark.parametrize("row", [0, 4, 10])
def test_a_broken_sample_has_no_weight_and_does_not_count(
    row: int, value: float, gradient: float
) -> None:
    values, gradients = VALUES.copy(), GRADIENTS.copy()
    values[row], gradients[row, 1] = value, gradient
    batch, counts, account = evaluate_values(values, gradients)
    expected_counts = COUNTS - (np.arange(4) == ORIGINS[row])
    np.testing.assert_array_equal(counts, expected_counts)
    assert (batch.num_samples, batch.num_usable) == (ROWS, ROWS - 1)
    is_broken = np.arange(ROWS) == row
    np.testing.assert_array_equal(np.asarray(batch.usable)[:ROWS], ~is_broken)
    np.testing.assert_array_equal(
        np.asarray(batch.log_target)[:ROWS], np.where(is_broken, 0.0, VALUES)
    )
    np.testing.assert_array_equal(
        np.asarray(batch.target_gradient)[:ROWS], np.where(is_broken[:, None], 0.0, GRADIENTS)
    )
    is_nan, is_infinite = np.isnan(value), value == np.inf
    faults = (is_nan, is_infinite, not (is_nan or is_infinite))
    assert tuple(map(int, account.counts)) == (ROWS, 0, *faults, 0)
    assert account.num_unusable == 1


@pytest.mark.parametrize("gradient", [5.0, np.nan, np.inf])
def test_a_sample_outside_of_the_support_counts_with_a_floor_and_no_gradient(
    gradient: float,
) -> None:
    values, gradients = VALUES.copy(), GRADIENTS.copy()
    values[[0, 6]], gradients[[0, 6]] = -np.inf, gradient
    values[2], values[9] = np.nan, -1e4  # the floor is relative to the lowest FINITE value
    batch, counts, account = evaluate_values(values, gradients)
    np.testing.assert_array_equal(counts, COUNTS - np.array([1, 0, 0, 0]))
    assert batch.num_usable == ROWS - 1
    np.testing.assert_array_equal(
        np.asarray(batch.log_target)[[0, 6]], np.float32(-1e4 - OUTSIDE_DEPTH)
    )
    np.testing.assert_array_equal(np.flatnonzero(batch.outside), [0, 6])
    assert tuple(map(int, account.counts)) == (ROWS, 2, 1, 0, 0, 0)
    np.testing.assert_array_equal(np.asarray(batch.target_gradient)[[0, 6]], np.zeros((2, D)))
    assert np.all(np.asarray(batch.usable)[[0, 6]])


@pytest.mark.parametrize(("fill", "num_usable"), [(-np.inf, ROWS), (np.nan, 0), (np.inf, 0)])
def test_a_batch_without_any_finite_value_stays_finite(fill: float, num_usable: int) -> None:
    batch, counts, account = evaluate_values(np.full(ROWS, fill), GRADIENTS)
    assert batch.num_usable == num_usable
    np.testing.assert_array_equal(counts, COUNTS if num_usable else 0 * COUNTS)
    values = np.asarray(batch.log_target)[:ROWS]
    np.testing.assert_array_equal(values, np.full(ROWS, -OUTSIDE_DEPTH if num_usable else 0.0))
    assert account.num_outside + account.num_unusable == ROWS
    np.testing.assert_array_equal(np.asarray(batch.target_gradient)[:ROWS], np.zeros((ROWS, D)))


def test_a_zero_gradient_is_counted_and_does_count() -> None:
    gradients = GRADIENTS.copy()
    gradients[[1, 5]], gradients[2, 0] = 0.0, 0.0
    batch, counts, account = evaluate_values(VALUES, gradients)
    np.testing.assert_array_equal(counts, COUNTS)
    assert batch.num_usable == ROWS
    assert tuple(map(int, account.counts)) == (ROWS, 0, 0, 0, 0, 2)
