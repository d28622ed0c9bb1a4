"""Sample reuse against plain lists: which samples are reused, and how many are drawn."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.sample_selectors.component_based import ComponentBased
from gmmvi_jax.modules.sample_selectors.mixture_based import MixtureBased
from gmmvi_jax.modules.sample_selectors.reuse import missing_samples
from gmmvi_jax.numerics.forms.choice import form_named
from gmmvi_jax.samples.archive import empty_archive
from gmmvi_jax.samples.batch import empty_batch
from gmmvi_jax.samples.database import SampleDatabase, cache_densities
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import ReuseWindow, empty_window
from gmmvi_jax.samples.window_size import MixtureShape, RowDemand, WindowSize, window_size
from gmmvi_jax.typing import Array

from ..oracles import Floats, Mixture, pad, random_mixture

D, BLOCK, CAPACITY = 2, 2, 6
DESIRED = 40
EXACT = 1e-9
Selector = ComponentBased | MixtureBased


def bump(point: Array) -> Array:
    """A target that is broken on one side."""
    return jnp.where(point[0] > 3.0, jnp.nan, -0.5 * jnp.sum((point - 1.0) ** 2))


select = jax.jit(lambda selector, *args: selector(*args))
cache = jax.jit(cache_densities)


def kept(database: SampleDatabase) -> KeptDensities:
    assert isinstance(database.densities, KeptDensities)
    return database.densities


def window_of(database: SampleDatabase) -> ReuseWindow:
    return kept(database).window


def new_database(selector: Selector, size: WindowSize, diagonal: bool = False) -> SampleDatabase:
    dtype, chunk_size = jnp.dtype(jnp.result_type(float)), 32
    batch = empty_batch(size.num_rows, D, chunk_size, dtype)
    rows = batch.log_target.shape[0]
    shape = MixtureShape(CAPACITY, D, form_named(diagonal), dtype.itemsize)
    window = empty_window(size.num_gaussians, rows, BLOCK, shape, dtype)
    densities = KeptDensities(window, batch.log_target)

    def stale(leaf: Array) -> Array:
        """What the buffers hold behind the live rows must not matter."""
        return jnp.full(leaf.shape, 77, leaf.dtype) if leaf.ndim else jnp.zeros((), jnp.int32)

    batch, densities = jax.tree.map(stale, (batch, densities))
    return SampleDatabase(batch, empty_archive(2000, D, chunk_size, True, dtype), densities)


class Sample(NamedTuple):
    point: Floats
    generator: tuple[int, int]  # iteration and component: which Gaussian drew it


class Model:
    """The same in plain Python: a list of samples and all the Gaussians there ever were."""

    def __init__(self, size: WindowSize, room: int) -> None:
        self.samples: list[Sample] = []
        self.mixtures: list[Mixture] = []
        self.gaussians: list[tuple[int, int]] = []  # in the window
        self.size, self.room = size, room

    def keep(self, num_kept: int, num_incoming: int) -> None:
        """Keeps the newest samples, and no more Gaussians than there is room for."""
        self.samples = self.samples[max(len(self.samples) - num_kept, 0) :]
        surplus = max(len(self.gaussians) + 2 * num_incoming - self.size.num_gaussians, 0)
        leaving = set(self.gaussians[:surplus])
        newest = [index for index, s in enumerate(self.samples) if s.generator in leaving]
        self.samples = self.samples[max(newest, default=-1) + 1 :]
        self.drop_empty()

    def drop_empty(self) -> None:
        """The oldest Gaussians leave with their last sample."""
        generators = {s.generator for s in self.samples}
        while self.gaussians and self.gaussians[0] not in generators:
            self.gaussians.pop(0)

    def usable(self) -> np.ndarray:
        return np.array([s.point[0] <= 3.0 for s in self.samples], bool)

    def log_background(self) -> Floats:
        """The usable samples' Gaussians, weighted by how many usable samples they drew."""
        points = np.array([s.point for s in self.samples]).reshape(-1, D)
        usable = self.usable()
        generators = [s.generator for s, good in zip(self.samples, usable, strict=True) if good]
        terms = []
        for generator in sorted(set(generators)):
            mixture = self.mixtures[generator[0]]
            normal = scipy.stats.multivariate_normal(
                mixture.means[generator[1]], mixture.covariances[generator[1]]
            )
            share = generators.count(generator) / len(generators)
            terms.append(np.log(share) + np.reshape(normal.logpdf(points), len(points)))
        total = scipy.special.logsumexp(terms, axis=0) if terms else np.zeros(len(points))
        return np.where(usable, np.asarray(total), np.inf)


def effective_size(log_weights: Floats) -> float:
    if not np.any(np.isfinite(log_weights)):
        return 0.0
    weights = scipy.special.softmax(log_weights)
    return float(1.0 / np.sum(weights**2))


def expected_new(model: Model, mixture: Mixture, selector: Selector) -> Floats | int:
    """How many samples are missing: per component (M), or of the mixture (P)."""
    points = np.array([s.point for s in model.samples]).reshape(-1, D)
    count = len(mixture.means)
    if not len(points):
        sizes = np.zeros(count) if isinstance(selector, ComponentBased) else np.zeros(1)
    elif isinstance(selector, ComponentBased):
        log_weights = mixture.component_log_densities(points) - model.log_background()[:, None]
        sizes = np.array([effective_size(column) for column in log_weights.T])
    else:
        sizes = np.array([effective_size(mixture.log_density(points) - model.log_background())])
    missing = np.maximum(1, DESIRED - np.floor(sizes))
    return missing if isinstance(selector, ComponentBased) else int(missing[0])


def drifting_mixtures(num_iterations: int) -> list[Mixture]:
    """A mixture that changes slowly, grows, shrinks and jumps once."""
    generator = np.random.default_rng(3)
    base = random_mixture(generator, CAPACITY, D, spread=1.5)
    counts = [1, 2, 3, 3, 4, 4, 2, 3, 6, 6, 6, 6][:num_iterations]
    mixtures = []
    for index, count in enumerate(counts):
        weights = base.weights[:count] / base.weights[:count].sum()
        means = base.means[:count] + 0.1 * generator.normal(size=(count, D))
        means = means + (10.0 * np.array([-1.0, 0.0]) if index == 9 else 0.0)
        scale = 1.0 + 0.1 * generator.uniform(size=(count, 1, 1))
        mixtures.append(Mixture(weights, means, base.covariances[:count] * scale))
    return mixtures


def without(mixture: Mixture, index: int) -> Mixture:
    weights, means, covariances = (np.delete(field, index, axis=0) for field in mixture)
    return Mixture(weights / weights.sum(), means, covariances)


def add_drawn(
    model: Model, mixture: Mixture, iteration: int, database: SampleDatabase
) -> tuple[Floats, Floats]:
    """Adds the new samples to the model; returns them, and how many each component drew."""
    batch, window = database.batch, window_of(database)
    count, num_old, num_samples = len(mixture.means), len(model.samples), int(batch.num_samples)
    points = np.asarray(batch.points)[:num_samples]
    old_points = np.array([s.point for s in model.samples]).reshape(-1, D)
    np.testing.assert_array_equal(points[:num_old], old_points)
    model.gaussians += [(iteration, component) for component in range(count)]
    assert window.num_gaussians == len(model.gaussians)
    new_counts = np.asarray(window.row_counts)[: len(model.gaussians)][-count:]
    origins = np.repeat(np.arange(count), new_counts)
    np.testing.assert_array_equal(np.asarray(batch.origins)[num_old:num_samples], origins)
    new_points = points[num_old:]
    drawn = zip(new_points, origins, strict=True)
    model.samples += [Sample(point, (iteration, int(origin))) for point, origin in drawn]
    # Every sample lies near the component that is said to have drawn it.
    distance = np.linalg.norm(new_points - mixture.means[origins], axis=1)
    assert np.all(distance < 6.0 * np.sqrt(np.linalg.norm(mixture.covariances[origins], 2, (1, 2))))
    return new_points, new_counts


def check_window(model: Model, database: SampleDatabase) -> None:
    """Compares counts, densities and values of the samples in use with the model's."""
    batch, window = database.batch, window_of(database)
    num_samples, usable = len(model.samples), model.usable()
    assert batch.num_samples == num_samples
    assert batch.num_usable == usable.sum()
    good = [s for s, usable_one in zip(model.samples, usable, strict=True) if usable_one]
    for samples, found in ((model.samples, window.row_counts), (good, window.usable_counts)):
        counts = [sum(s.generator == g for s in samples) for g in model.gaussians]
        np.testing.assert_array_equal(np.asarray(found)[: len(model.gaussians)], counts)
    background = np.asarray(kept(database).background)[:num_samples]
    np.testing.assert_allclose(background[usable], model.log_background()[usable], rtol=EXACT)
    end = -(-num_samples // batch.chunk_size) * batch.chunk_size
    np.testing.assert_array_equal(np.asarray(batch.usable)[:num_samples], usable)
    assert not np.any(batch.usable[num_samples:end])
    points = np.array([s.point for s in model.samples])
    values = np.where(usable, -0.5 * np.sum((points - 1.0) ** 2, axis=1), 0.0)
    np.testing.assert_allclose(np.asarray(batch.log_target)[:num_samples], values, rtol=EXACT)
    gradient = np.where(usable[:, None], 1.0 - points, 0.0)
    assert batch.target_gradient is not None
    np.testing.assert_allclose(
        np.asarray(batch.target_gradient)[:num_samples], gradient, rtol=EXACT, atol=EXACT
    )


def check_cached(database: SampleDatabase, updated: Mixture, first: int) -> None:
    """Compares the densities under the updated components, behind ``first``, with the formula."""
    window, num_samples = window_of(database), int(database.batch.num_samples)
    rows = slice(first, first + len(updated.means))
    assert rows.stop == window.num_gaussians
    points = np.asarray(database.batch.points)[:num_samples]
    found = np.asarray(window.log_densities)[rows, :num_samples]
    np.testing.assert_allclose(found, updated.component_log_densities(points).T, rtol=EXACT)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["component-based", "mixture-based", "little room"])
def test_reuse_over_iterations_is_what_plain_lists_say(kind: str) -> None:
    ratio = 1.7
    if kind == "mixture-based":
        selector: Selector = MixtureBased(DESIRED, ratio)
        size = WindowSize(DESIRED + 68 * CAPACITY, 64)
    else:
        selector = ComponentBased(DESIRED, ratio)
        little = kind == "little room"
        size = WindowSize((DESIRED + 68) * CAPACITY, 64)
        size = WindowSize(DESIRED * CAPACITY + 30, 3 * CAPACITY) if little else size
    database = new_database(selector, size)
    model = Model(size, database.batch.log_target.shape[0] - database.batch.chunk_size)
    reused_any, bounded_any, broken_any = False, False, False
    mixtures = drifting_mixtures(12)
    for iteration, mixture in enumerate(mixtures):
        count = len(mixture.means)
        key = jax.random.key(iteration)
        padded = pad(mixture, CAPACITY, BLOCK)
        database, info = select(selector, key, jax.tree_util.Partial(bump), padded, database)

        incoming = DESIRED * count if isinstance(selector, ComponentBased) else DESIRED
        wanted = 68 * count
        num_before = len(model.samples)
        model.keep(min(wanted, model.room - incoming), count)
        bounded_any |= len(model.samples) < min(wanted, num_before)
        model.mixtures.append(mixture)
        missing = expected_new(model, mixture, selector)
        num_old = len(model.samples)
        reused_any |= num_old > 0 and int(np.sum(missing)) < incoming
        assert info.num_drawn == database.batch.num_samples - num_old == np.sum(missing)
        new_points, new_counts = add_drawn(model, mixture, iteration, database)
        if isinstance(selector, ComponentBased):
            np.testing.assert_array_equal(new_counts, missing)
        check_window(model, database)
        broken_any |= bool(np.any(~model.usable()[:num_old]))
        assert info.num_unusable == np.sum(~model.usable()[num_old:])

        # The components are updated. Then in some iterations one of them is deleted, or one more
        # is added, in others they stay and draw next.
        updated = mixtures[min(iteration + 1, 11)]
        if iteration % 3 and len(updated.means) > 1:
            updated = without(updated, 0 if iteration % 3 == 1 else len(updated.means) - 1)
        first = int(window_of(database).num_gaussians)
        database = cache(database, pad(updated, CAPACITY, BLOCK))
        check_cached(database, updated, first)
        # The archive takes the new samples alone.
        archived = np.asarray(database.archive.points)[: int(database.archive.count)]
        np.testing.assert_array_equal(archived[-len(new_points) :], new_points)
    assert reused_any
    assert broken_any
    assert bounded_any == (kind == "little room")


@pytest.mark.usefixtures("float64")
def test_a_mixture_that_does_not_move_draws_hardly_anything_in_the_end() -> None:
    # Shapes and settings are those of the test above: no further compilation.
    selector = ComponentBased(DESIRED, 1.7)
    database = new_database(selector, WindowSize((DESIRED + 68) * CAPACITY, 64))
    padded = pad(random_mixture(np.random.default_rng(0), 3, D), CAPACITY, BLOCK)
    drawn = []
    for iteration in range(12):
        key = jax.random.key(iteration)
        database, info = select(selector, key, jax.tree_util.Partial(bump), padded, database)
        drawn.append(int(info.num_drawn))
    assert drawn[0] == 3 * DESIRED
    assert max(drawn[6:]) <= 3 * 6
    assert sum(drawn) == int(database.archive.count)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("changed", "num_kept"),
    [("none", 5), ("first", 0), ("third", 2), ("last", 4), ("one more", 4), ("one less", 4)],
)
def test_densities_of_components_that_stay_are_not_computed_again(
    changed: str, num_kept: int
) -> None:
    # Shapes are those of the first test; blocks are of two components.
    selector = ComponentBased(DESIRED, 1.7)
    database = new_database(selector, WindowSize((DESIRED + 68) * CAPACITY, 64))
    mixture = random_mixture(np.random.default_rng(0), 6, D)
    before = without(mixture, 5)
    after = {"none": before, "one more": mixture, "one less": without(before, 4)}.get(changed)
    if after is None:
        after = before._replace(means=before.means.copy())
        after.means[["first", "second", "third", "fourth", "last"].index(changed)] += 0.1
    partial = jax.tree_util.Partial(bump)
    padded = pad(before, CAPACITY, BLOCK)
    database, _ = select(selector, jax.random.key(0), partial, padded, database)
    database = cache(database, padded)
    window = window_of(database)
    marked = dataclasses.replace(window, log_densities=jnp.full_like(window.log_densities, 77.0))
    marked = database._replace(densities=dataclasses.replace(kept(database), window=marked))
    again = window_of(cache(marked, pad(after, CAPACITY, BLOCK)))
    num_samples, rows = int(database.batch.num_samples), slice(5, 5 + len(after.means))
    points = np.asarray(database.batch.points)[:num_samples]
    expected = after.component_log_densities(points).T
    expected[:num_kept] = 77.0
    found = np.asarray(again.log_densities)[rows, :num_samples]
    np.testing.assert_allclose(found, expected, rtol=EXACT)
    np.testing.assert_allclose(again.gaussians.mean[rows], after.means, rtol=EXACT)


def test_at_least_one_and_at_most_the_desired_number_of_samples_is_missing() -> None:
    sizes = jnp.asarray([0.0, 0.99, 1.0, 38.5, 39.0, 40.0, 77.7])
    np.testing.assert_array_equal(missing_samples(40, sizes), [40, 40, 39, 2, 1, 1, 1])


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_window_keeps_to_its_budget(diagonal: bool) -> None:
    num_bytes, dim, max_components = 2**24, 25, 30
    shape = MixtureShape(max_components, dim, form_named(diagonal), 4)
    size = window_size(num_bytes, RowDemand(400 * 30, 1047 * 30), shape)
    batch = empty_batch(size.num_rows, dim, 1, jnp.dtype(jnp.float32))
    arrays = jax.eval_shape(
        functools.partial(
            empty_window, size.num_gaussians, size.num_rows, 1, shape, jnp.dtype("float32")
        )
    )
    total = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((arrays, batch)))
    slack = 33 * (4 * size.num_rows + 4 * 3 * dim * (1 if diagonal else dim))
    assert 0.8 * num_bytes < total < num_bytes + slack
    assert size.num_rows >= 400 * 30
    assert size.num_gaussians >= 3 * max_components


def test_with_a_budget_too_small_for_an_iteration_the_window_holds_just_that() -> None:
    demand, shape = RowDemand(400 * 1000, 1047 * 1000), MixtureShape(1000, 25, form_named(False), 4)
    size = window_size(2**20, demand, shape)
    assert size == WindowSize(400 * 1000, 3 * 1000)
    assert size.num_bytes(shape) == 4 * (400_000 * (54 + 3000) + 3000 * (25 + 2 * 625))


@pytest.mark.slow
def test_a_run_with_little_room_reuses_while_it_has_few_components() -> None:
    config = gmmvi.samtron(
        2,
        reuse_ratio=2.0,
        reuse_window_bytes=1,
        desired_samples=20,
        max_components=40,
        num_iterations=20,
        diagnostic_samples=0,
        max_database_size=2000,
    )
    state = gmmvi.train(config, lambda x: -0.5 * jnp.sum(x**2)).state
    assert state.database.batch.points.shape[0] >= 20 * 40
    assert int(state.num_target_evaluations) < 0.8 * 20 * 20
