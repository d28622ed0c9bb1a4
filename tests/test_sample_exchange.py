"""Samples of one run in another: what comes over, what it costs, what is refused."""

import dataclasses
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import window_background
from gmmvi_jax.training.sample_exchange import export_samples, import_samples, reevaluate_samples
from gmmvi_jax.training.sample_files import load_samples, save_samples

DIM = 2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Bowl:
    """A Gaussian that is NaN beyond a limit; its numbers are data: one program for both."""

    centre: float
    limit: float

    def __call__(self, x):
        return jnp.where(x[0] > self.limit, jnp.nan, -0.5 * jnp.sum((x - self.centre) ** 2))


bowl, other_bowl = Bowl(1.0, np.inf), Bowl(-1.0, 2.5)


def config(**settings):
    sizes = {
        "max_components": 4,
        "add_iters": 2,
        "desired_samples": 60,
        "max_database_size": 2000,
        "num_database_samples": 100,
        "reuse_ratio": 2.0,
        "num_iterations": 20,
        "log_every": 20,
        "diagnostic_samples": 0,
    }
    return gmmvi.samtron(DIM, **{**sizes, **settings})


def reusable_of(samples: gmmvi.Samples) -> Any:
    assert samples.reusable is not None
    return samples.reusable


def kept(state: gmmvi.TrainState) -> KeptDensities:
    assert isinstance(state.database.densities, KeptDensities)
    return state.database.densities


def window_of(state: gmmvi.TrainState) -> Any:
    return kept(state).window


@pytest.fixture(scope="module")
def state():
    return gmmvi.train(config(), bowl).state


def fresh_state(**settings):
    return jax.jit(gmmvi.init)(config(**settings).algorithm, jax.random.key(7))


def test_samples_come_back_from_a_file_as_they_were(state, tmp_path):
    samples = export_samples(state)
    assert len(samples.points) == int(state.database.archive.count) > 100
    path = tmp_path / "samples.npz"
    save_samples(path, samples)
    loaded = load_samples(path)
    assert loaded.reusable is not None
    np.testing.assert_array_equal(loaded.points, samples.points)
    np.testing.assert_array_equal(loaded.log_target, samples.log_target)
    for name in ("points", "log_target", "target_gradient", "row_counts", "means", "factors"):
        np.testing.assert_array_equal(
            getattr(loaded.reusable, name), getattr(reusable_of(samples), name)
        )
    np.testing.assert_allclose(
        samples.log_target, -0.5 * np.sum((samples.points - 1.0) ** 2, axis=1), rtol=1e-5, atol=1e-5
    )


def test_an_imported_window_weighs_its_samples_as_the_old_one_did(state):
    samples = export_samples(state)
    new = import_samples(fresh_state(), samples)
    old = state.database
    count = int(old.batch.num_samples)
    assert int(new.database.batch.num_samples) == count
    assert int(new.database.batch.num_usable) == int(old.batch.num_usable)
    np.testing.assert_allclose(
        window_background(window_of(new), new.database.batch, kept(new).background)[:count],
        kept(state).background[:count],
        rtol=1e-4,
        atol=1e-4,
    )
    assert int(new.num_target_evaluations) == 0


@pytest.mark.slow
def test_a_warm_start_draws_less(state):
    warm = import_samples(fresh_state(), export_samples(state))
    # Start where the other run ended, so that its samples are of use.
    warm = warm._replace(mixture=state.mixture)
    cold = fresh_state()._replace(mixture=state.mixture)
    one_step = jax.jit(gmmvi.step, static_argnums=1)
    algorithm = config().algorithm
    _, warm_info = one_step(algorithm, bowl, warm)
    _, cold_info = one_step(algorithm, bowl, cold)
    assert int(cold_info.num_target_evaluations) == 60 * int(state.mixture.num_components)
    assert int(warm_info.num_target_evaluations) < 0.5 * int(cold_info.num_target_evaluations)


def test_another_target_is_evaluated_and_counted(state):
    samples = export_samples(state)
    moved = reevaluate_samples(samples, other_bowl)
    total = len(samples.points) + len(reusable_of(samples).points)
    assert moved.num_evaluations == total
    broken = samples.points[:, 0] > 2.5
    assert np.any(broken)
    values = -0.5 * np.sum((samples.points + 1.0) ** 2, axis=1)
    np.testing.assert_allclose(moved.log_target, np.where(broken, -np.inf, values), rtol=1e-5)
    new = import_samples(fresh_state(), moved)
    assert int(new.num_target_evaluations) == total
    unusable = int(np.sum(reusable_of(samples).points[:, 0] > 2.5))
    batch = new.database.batch
    assert int(batch.num_samples) - int(batch.num_usable) == unusable
    usable = reusable_of(samples).points[:, 0] <= 2.5
    gradient = np.where(usable[:, None], -(reusable_of(samples).points + 1.0), 0.0)
    np.testing.assert_allclose(reusable_of(moved).target_gradient, gradient, rtol=1e-5, atol=1e-5)


def test_train_takes_samples_and_counts_what_they_cost(state):
    moved = reevaluate_samples(export_samples(state), other_bowl)
    with warnings.catch_warnings():  # the target is NaN somewhere; a sample may fall there
        warnings.simplefilter("ignore", UserWarning)
        result = gmmvi.train(config(), other_bowl, samples=moved)
    assert result.history["num_target_evaluations"][-1] > moved.num_evaluations


@pytest.mark.slow
def test_what_does_not_fit_is_thinned_or_left_out_from_the_oldest_on(state):
    exported = export_samples(state)
    fields = dataclasses.fields(reusable_of(exported))
    copies = {f.name: np.concatenate(6 * [getattr(reusable_of(exported), f.name)]) for f in fields}
    many = dataclasses.replace(exported, reusable=gmmvi.ReusableSamples(**copies))
    small = fresh_state(max_components=2, desired_samples=10, max_database_size=60)
    new = import_samples(small, many)
    archive, window = new.database.archive, window_of(new)
    count = int(archive.count)
    assert 20 < count < len(many.points)
    kept = np.asarray(archive.points)[:count]
    np.testing.assert_array_equal(kept[0], many.points[0])
    np.testing.assert_array_equal(kept[-1], many.points[-1])
    live, rows = int(window.num_gaussians), int(new.database.batch.num_samples)
    assert 0 < rows < len(reusable_of(many).points)
    np.testing.assert_array_equal(
        np.asarray(window.row_counts)[:live], reusable_of(many).row_counts[-live:]
    )
    np.testing.assert_array_equal(
        np.asarray(new.database.batch.points)[:rows], reusable_of(many).points[-rows:]
    )


def test_samples_of_another_dimension_or_covariance_type_are_refused(state):
    samples = export_samples(state)
    with pytest.raises(ValueError, match="diagonal=False"):
        import_samples(fresh_state(diagonal=True), samples)
    other = jax.jit(gmmvi.init)(gmmvi.samtron(3).algorithm, jax.random.key(0))
    with pytest.raises(ValueError, match="dim 2"):
        import_samples(other, samples)


def test_a_file_of_something_else_is_an_error(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, numbers=np.arange(3))
    with pytest.raises(ValueError, match="not a file of samples"):
        load_samples(path)
