"""``train_many`` with a data set for each run."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import domains
from gmmvi_jax.training.chunk import run_chunk_of_many
from gmmvi_jax.training.data_argument import as_data

from .double_precision import enable_x64

SEEDS = (3, 4, 5)
CONFIG = gmmvi.from_codename(  # which compiles fast
    "SEMTFOX",
    2,
    num_initial_components=2,
    num_iterations=10,
    log_every=5,
    desired_samples=20,
    diagnostic_samples=50,
)


def log_density(x, data):
    residuals = data["y"] - data["X"] @ x
    return -0.5 * jnp.sum(data["mask"] * residuals**2) - 0.5 * jnp.sum(x**2)


def data_sets(count: int = len(SEEDS), rows: int = 6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(count, rows, 2))
    y = inputs @ rng.normal(size=(count, 2, 1)) + 0.1 * rng.normal(size=(count, rows, 1))
    mask = np.arange(rows) < rng.integers(3, rows + 1, size=(count, 1))
    return {"X": inputs.astype(np.float32), "y": y[..., 0].astype(np.float32), "mask": mask}


def slice_of(data: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], data)


@pytest.fixture(scope="module")
def result() -> gmmvi.TrainManyResult:
    return gmmvi.train_many(CONFIG, log_density, SEEDS, data=data_sets())


def num_programs() -> int:
    function: Any = run_chunk_of_many
    return function._cache_size()


def same(one: gmmvi.TrainResult, other: gmmvi.TrainResult) -> None:
    assert one.gmm.num_components == other.gmm.num_components
    np.testing.assert_allclose(one.gmm.means, other.gmm.means, rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(one.history["elbo"], other.history["elbo"], atol=1e-3)
    counts = "num_target_evaluations"
    np.testing.assert_array_equal(one.history[counts], other.history[counts])


def test_each_run_is_that_of_train_on_its_data(result):
    for index, seed in enumerate(SEEDS):
        # The data are leaves: one program for the three.
        own = jax.tree_util.Partial(log_density, data=slice_of(data_sets(), index))
        same(result.run(index), gmmvi.train(CONFIG.replace(seed=seed), own))


def test_one_program_serves_all_data_sets_of_a_shape(result):
    count = num_programs()
    other = jax.tree.map(lambda leaf: leaf[::-1].copy(), data_sets())
    gmmvi.train_many(CONFIG, log_density, SEEDS, data=other)
    assert num_programs() == count


@pytest.mark.slow
def test_at_once_they_are_the_same(result):
    together = gmmvi.train_many(CONFIG, log_density, SEEDS, data=data_sets(), vectorized=True)
    for index in range(len(SEEDS)):
        same(result.run(index), together.run(index))


def test_a_run_knows_its_density_and_all_together_have_none(result):
    for index in range(len(SEEDS)):
        run = result.run(index)
        x = run.gmm.means[0]
        expected = log_density(x, slice_of(data_sets(), index))
        np.testing.assert_allclose(run.target(x), expected, rtol=1e-5)
        assert np.isfinite(run.diagnose(num_samples=200).log_z.value)
    for ask in (
        lambda: result.merged,
        lambda: result.best,
        lambda: result.modes(),
        lambda: result.sample(0, 3),
        lambda: result.diagnose(),
    ):
        with pytest.raises(ValueError, match=r"each run has data of its own.*result\.run"):
            ask()
    assert "merged" not in result.summary()
    assert len(result.summary().splitlines()) == 2 + len(SEEDS)


def test_one_that_cannot_be_evaluated_leaves_the_others_alone(result):
    broken = data_sets()
    broken["y"][1] = np.nan
    with pytest.warns(UserWarning, match="the run of seed 4 failed: the log density is NaN"):
        found = gmmvi.train_many(CONFIG, log_density, SEEDS, data=broken)
    assert [str(status) for status in found.statuses] == ["completed", "failed", "completed"]
    same(found.run(2), result.run(2))


@pytest.mark.slow
def test_positions_may_be_pytrees_with_domains():
    def of_scale(position, y):
        scale = position["sigma"]
        return jnp.sum(-0.5 * (y / scale) ** 2 - jnp.log(scale)) - scale

    config = gmmvi.samtron(
        {"sigma": 1.0},
        domain={"sigma": domains.positive},
        num_iterations=10,
        log_every=5,
        desired_samples=20,
        max_components=2,
        diagnostic_samples=50,
    )
    y = np.random.default_rng(1).normal(size=(2, 50)) * np.array([[0.5], [4.0]])
    found = gmmvi.train_many(config, of_scale, [0, 1], data=y.astype(np.float32))
    means = [float(jnp.mean(found.run(i).sample(0, 500)["sigma"])) for i in (0, 1)]
    np.testing.assert_allclose(means, [0.5, 4.0], rtol=0.3)


@pytest.mark.slow
def test_runs_with_data_go_on_where_they_were(tmp_path, result):
    config = CONFIG.replace(num_iterations=5)
    gmmvi.train_many(config, log_density, SEEDS, data=data_sets(), checkpoint=tmp_path / "runs")
    resumed = gmmvi.train_many(
        CONFIG, log_density, SEEDS, data=data_sets(), resume=tmp_path / "runs"
    )
    for index in range(len(SEEDS)):
        same(result.run(index), resumed.run(index))


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        ({"y": np.ones((2, 4))}, ValueError, r"data\['y'\] has shape \(2, 4\).*the 3 seeds"),
        (1.0, ValueError, r"data has shape \(\).*one data set for each run"),
        ({}, ValueError, "data has no arrays"),
        ({"y": ["a", "b", "c"]}, TypeError, r"data\['y'\]\[0\] must be an array of numbers"),
    ],
)
def test_data_that_cannot_be_used(data, error, says):
    with pytest.raises(error, match=says):
        gmmvi.train_many(CONFIG, log_density, SEEDS, data=data)


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**32 + 1, 1e39])
def test_numbers_that_jax_would_wrap_around_are_refused(number):
    numbers = np.array([[number], [1], [2]])
    with pytest.raises(ValueError, match=r"data\['y'\] has the number .*, too large for .*32"):
        gmmvi.train_many(CONFIG, log_density, SEEDS, data={"y": numbers})
    with enable_x64():
        (held,) = jax.tree.leaves(as_data({"y": numbers}, SEEDS))
        assert held[0, 0] == number


def test_numbers_that_fit_are_as_they_are():
    fitting = np.array([2**31 - 1, -(2**31), 0])
    np.testing.assert_array_equal(as_data(fitting, SEEDS), fitting)
    special = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(as_data(special, SEEDS), special.astype(np.float32))


def test_a_density_of_the_position_alone_is_refused_with_data():
    with pytest.raises(TypeError, match="take both, or leave out data="):
        gmmvi.train_many(CONFIG, lambda x: -x @ x, SEEDS, data=data_sets())
    target = gmmvi.densities.on_pytree(lambda p: -(p["a"] ** 2), {"a": 0.0})
    with pytest.raises(TypeError, match="of a position alone"):
        gmmvi.train_many(gmmvi.samtron(1), target, SEEDS, data=data_sets())
