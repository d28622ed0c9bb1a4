"""float64: whatever can be run runs in it, throughout, and is as exact as it promises."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from benchmarks.digests import digests
from gmmvi_jax import densities, evaluation
from gmmvi_jax.training.chunk import num_compilations

from . import variant_checks as variants
from .double_precision import enable_x64
from .test_all_variants import NAMES, ROWS, Row

pytestmark = pytest.mark.usefixtures("float64")

RUN: dict[str, Any] = {"num_iterations": 5, "log_every": 3, "diagnostic_samples": 0}
MEAN = np.array([1.0, -2.0])
COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])
LOG_Z = np.log(2 * np.pi) + 0.5 * np.log(np.linalg.det(COVARIANCE))
WIDTHS = {"f": "float64", "i": "int32", "u": "uint32", "b": "bool"}


def gaussian(x: jax.Array) -> jax.Array:
    return -0.5 * (x - MEAN) @ np.linalg.inv(COVARIANCE) @ (x - MEAN)


def numbers(tree: Any) -> list[jax.Array]:
    """Returns the leaves that are no PRNG keys."""
    leaves = jax.tree.leaves(tree)
    return [leaf for leaf in leaves if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]


def assert_double(tree: Any) -> None:
    for leaf in numbers(tree):
        assert leaf.dtype == WIDTHS[leaf.dtype.kind]


def small_config(codename: str = "SEPYFUX", **settings: Any) -> gmmvi.Config:
    return variants.small_config(codename, **RUN, **settings)


def settings_of(row: Row) -> dict[str, Any]:
    return {"diagonal": row[7], "reuse_ratio": row[8]}


# Each compiles for five seconds: most of them only when slow tests are asked for.
_TRAINED = [
    pytest.param(row, id=name, marks=[pytest.mark.slow] if index % 14 else [])
    for index, (row, name) in enumerate(zip(ROWS, NAMES, strict=True))
]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_step_keeps_dtypes_and_weak_types(row: Row):
    codename = "".join(row[:7])
    assert variants.check_shapes(codename, **settings_of(row)) == []


@pytest.mark.parametrize("row", _TRAINED)
def test_every_variant_trains_in_float64(row: Row):
    config = small_config("".join(row[:7]), **settings_of(row))
    num_before = num_compilations()
    result = gmmvi.train(config, variants.four_modes)
    assert num_compilations() == num_before + 1
    assert_double(result.state)
    assert_double(result.gmm)
    assert int(result.state.iteration) == RUN["num_iterations"]
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(result.gmm))


@pytest.mark.slow
def test_a_position_with_domains_trains_in_float64():
    example = {"s": 1.0, "w": np.full(3, 1 / 3)}
    domain = {"s": gmmvi.domains.positive, "w": gmmvi.domains.simplex}
    config = gmmvi.samtron(example, domain=domain, max_components=2, desired_samples=20, **RUN)
    result = gmmvi.train(config, lambda p: -p["s"] + jnp.sum(jnp.log(p["w"])))
    assert_double(result.state)
    draws = result.sample(0, 50)
    assert_double(draws)
    assert np.allclose(np.sum(draws["w"], axis=1), 1.0, rtol=1e-14)
    assert_double(result.log_prob(draws))
    weighted = result.weighted_draws(0, 50)
    assert np.allclose(weighted.log_q, result.gmm.log_prob(weighted.free), rtol=1e-12)


def test_a_gaussian_is_found_to_ten_digits_and_nothing_is_compiled_twice():
    compiled = []

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        del duration_secs
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(str(kwargs.get("fun_name")))

    config = gmmvi.from_codename(
        "SEMTFOX",
        2,
        prior_scale=3.0,
        num_initial_components=1,
        desired_samples=40,
        initial_component_stepsize=1e3,
        num_iterations=20,
        log_every=10,
        diagnostic_samples=100,
    )
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        result = gmmvi.train(config, gaussian)
    finally:
        jax.monitoring.clear_event_listeners()
    # The fixture's context is this thread's alone, and programs are compiled on others.
    for name in ("init", "run_chunk", "mixture_elbo"):
        assert [name in program for program in compiled].count(True) == 1
    assert_double(result.state)
    np.testing.assert_allclose(result.gmm.means[0], MEAN, atol=1e-10)
    np.testing.assert_allclose(result.gmm.covariances[0], COVARIANCE, atol=1e-10)
    assert result.history["elbo"][-1] == pytest.approx(LOG_Z, abs=1e-10)
    diagnosis = result.diagnose(jax.random.key(1), num_samples=300)
    assert_double((diagnosis.elbo, diagnosis.log_z))
    assert float(diagnosis.log_z.value) == pytest.approx(LOG_Z, abs=1e-10)


@pytest.mark.slow
def test_several_runs_are_those_that_are_made_one_by_one():
    config = small_config("SEMIFOG")
    together = gmmvi.train_many(config, variants.four_modes, [0, 1], vectorized=True)
    assert_double(together.state)
    alone = gmmvi.train(config.replace(seed=1), variants.four_modes)
    np.testing.assert_allclose(together.gmms[1].means, alone.gmm.means, rtol=1e-9)


@pytest.mark.slow
def test_runs_with_data_of_their_own_are_those_that_are_made_one_by_one():
    def log_density(x, centre):
        return variants.four_modes(x - centre)

    config, centres = small_config("SAMTRON"), np.array([[0.0, 0.0], [0.1, -0.2]])
    together = gmmvi.train_many(config, log_density, [0, 1], data=centres)
    assert_double((together.state, together.data))
    alone = gmmvi.train(config.replace(seed=1), lambda x: log_density(x, centres[1]))
    np.testing.assert_allclose(together.gmms[1].means, alone.gmm.means, rtol=1e-9)


def test_a_run_goes_on_from_a_state_on_disk_bit_for_bit(tmp_path: Path):
    config = small_config("SAPTDON", diagonal=True, reuse_ratio=1.5).replace(num_iterations=3)
    path = tmp_path / "state.npz"
    whole = gmmvi.train(config.replace(num_iterations=6), variants.four_modes)
    gmmvi.save_state(path, gmmvi.train(config, variants.four_modes).state)
    state = gmmvi.load_state(path, config)
    assert_double(state)
    parts = gmmvi.train(config, variants.four_modes, initial=state)
    for one, other in zip(numbers(whole.state), numbers(parts.state), strict=True):
        np.testing.assert_array_equal(one, other)
    for num_iterations in (3, 6):  # the first chunk is written on a thread beside the second
        longer = config.replace(num_iterations=num_iterations)
        resumed = gmmvi.train(longer, variants.four_modes, resume=tmp_path / "run")
    assert_double((resumed.state, resumed.gmm, gmmvi.load(tmp_path / "run").gmm))
    for one, other in zip(numbers(whole.state), numbers(resumed.state), strict=True):
        np.testing.assert_array_equal(one, other)
    # Nobody's digits are dropped in silence.
    with enable_x64(False), pytest.raises(ValueError, match="set jax_enable_x64 to True"):
        gmmvi.load_state(path, config)
    with enable_x64(False), pytest.raises(ValueError, match="set jax_enable_x64 to True"):
        gmmvi.train(config, variants.four_modes, resume=tmp_path / "run")


@pytest.mark.slow
def test_a_fit_and_several_runs_go_on_from_disk_bit_for_bit(tmp_path: Path):
    settings: dict[str, Any] = {"prior_scale": 5.0, "max_components": 4, "verbose": False}
    settings |= {"tolerance": 1e-9}
    whole = gmmvi.fit(variants.four_modes, 2, budget=3_000, **settings)
    # A smaller budget would end with a shorter chunk, and the rest would be another run.
    for stop in (lambda state, row: row["iteration"] >= 20, ()):
        resumed = gmmvi.fit(
            variants.four_modes,
            2,
            budget=3_000,
            resume=tmp_path / "fit",
            callbacks=stop,
            **settings,
        )
    assert_double((resumed.state, resumed.gmm))
    assert len(whole.history["iteration"]) > 2
    assert digests(resumed) == digests(whole)

    config = small_config("SEMIFOG").replace(num_iterations=6)
    together = gmmvi.train_many(config, variants.four_modes, [0, 1])
    for num_iterations in (3, 6):
        longer = config.replace(num_iterations=num_iterations)
        again = gmmvi.train_many(longer, variants.four_modes, [0, 1], resume=tmp_path / "many")
    assert_double(again.state)
    for one, other in zip(numbers(together.state), numbers(again.state), strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_go_from_run_to_run_whatever_their_precision():
    config = small_config("SAPTDON", diagonal=True, reuse_ratio=1.5)
    samples = gmmvi.export_samples(gmmvi.train(config, variants.four_modes).state)
    again = gmmvi.reevaluate_samples(samples, variants.four_modes)
    assert again.reusable is not None
    assert again.log_target.dtype == again.reusable.points.dtype == np.float64
    np.testing.assert_allclose(again.log_target, samples.log_target, rtol=1e-12)
    assert_double(gmmvi.train(config, variants.four_modes, samples=again).state)

    def narrow(instance: Any) -> Any:
        arrays = {
            name: value.astype(np.float32)
            for name, value in vars(instance).items()
            if getattr(value, "dtype", None) == np.float64
        }
        return dataclasses.replace(instance, **arrays)

    rounded = dataclasses.replace(narrow(samples), reusable=narrow(samples.reusable))
    state = jax.jit(gmmvi.init)(config.algorithm, jax.random.key(0))
    assert_double(gmmvi.import_samples(state, rounded))
    with enable_x64(False):  # and back: float32 is all there is
        again = gmmvi.reevaluate_samples(samples, variants.four_modes)
    assert again.log_target.dtype == np.float32


@pytest.mark.slow
def test_a_black_box_gets_and_gives_float64():
    dtypes = set()

    def function(points: np.ndarray) -> np.ndarray:
        dtypes.add(points.dtype)
        return -0.5 * np.sum((points**2 - 1.0) ** 2, axis=1)

    target = densities.black_box(
        function, 2, gradient=lambda points: -2.0 * points * (points**2 - 1)
    )
    config = small_config("SEMIFOG")
    found = gmmvi.train(config, target)
    expected = gmmvi.train(config, variants.four_modes)
    assert_double(found.state)
    np.testing.assert_allclose(found.gmm.means, expected.gmm.means, rtol=1e-12)
    assert dtypes == {np.dtype(np.float64)}
    # Results of another precision, or integers, are converted.
    counting = densities.black_box(lambda points: np.zeros(len(points), int), 2)
    assert counting(jnp.ones(2)).dtype == np.float64


@pytest.mark.slow
def test_minibatches_of_a_pytree_position():
    rows = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)

    def log_likelihood(position: Any, batch: jax.Array) -> jax.Array:
        return -0.5 * jnp.sum((batch - jnp.stack([position["a"], position["b"]])) ** 2)

    def log_prior(position: Any) -> jax.Array:
        return -0.5 * (position["a"] ** 2 + position["b"] ** 2)

    target = densities.minibatch(log_likelihood, log_prior, rows, batch_size=10)
    target = densities.on_pytree(target, {"a": 0.0, "b": 0.0})
    result = gmmvi.train(small_config("SEMIFOG"), target)
    assert_double(result.state)
    assert_double(result.modes().locations)
    assert_double(result.sample(jax.random.key(0), 3))
    assert_double(target.centred(jnp.ones(2))(jnp.zeros(2), jax.random.key(0)))
    (solution, *_) = result.solutions()
    assert_double((solution.location, solution.lower, solution.posterior.gmm))
    # The maximum of a Gaussian posterior, to the exactness of a climb.
    found = [float(solution.location[name]) for name in "ab"]
    np.testing.assert_allclose(found, rows.sum(axis=0) / 51.0, atol=1e-4)


def test_measures_have_the_precision_of_the_samples():
    first, second = np.random.default_rng(0).normal(size=(2, 60, 2))
    gmm = gmmvi.GMM.from_moments(jnp.ones(1), jnp.zeros((1, 2)), jnp.eye(2)[None])
    ratios = evaluation.log_ratios_at(gmm, gaussian, second)
    key = jax.random.key(0)
    assert_double(
        (
            evaluation.psis(ratios),
            evaluation.elbo(gmm, gaussian, key, 50),
            evaluation.log_z(ratios),
            evaluation.mmd_squared(first, second, 1.0),
            evaluation.find_modes(gmm).locations,
        )
    )
    assert np.isfinite(evaluation.sinkhorn_divergence(first, second))
    assert np.isfinite(evaluation.sliced_wasserstein(first, second, key))
    assert evaluation.detected_modes(gmm, second[:1]) == 1
    narrow = evaluation.psis(ratios.astype(np.float32))
    assert {leaf.dtype for leaf in narrow} == {np.dtype(np.float32)}


def test_two_samples_are_compared():
    first, second = np.random.default_rng(0).normal(size=(2, 60, 2))
    test = evaluation.classifier_two_sample_test(
        first, second + 9.0, jax.random.key(0), num_folds=2, num_hidden=8, num_steps=200
    )
    assert test.accuracy > 0.9


def test_an_initial_mixture_in_float32_stays_in_it():
    gmm = gmmvi.GMM.from_moments(
        jnp.ones(1, "float32"), jnp.zeros((1, 2), "float32"), jnp.eye(2, dtype="float32")[None]
    )
    algorithm = small_config().replace(max_components=1).algorithm
    before = jax.eval_shape(gmmvi.init, algorithm, jax.random.key(0), gmm)
    target = jax.tree_util.Partial(variants.four_modes)
    after, info = jax.eval_shape(gmmvi.step, algorithm, target, before)
    assert jax.tree.map(lambda leaf: leaf.dtype, before) == jax.tree.map(lambda x: x.dtype, after)
    assert not any(leaf.dtype == np.float64 for leaf in jax.tree.leaves((after, info)))


SCRIPT = """
import gmmvi_jax as gmmvi
from tests import variant_checks as variants
config = variants.small_config("SEMIFOG", num_iterations=2, log_every=1, diagnostic_samples=0)
print(gmmvi.train(config, variants.four_modes).gmm.means.dtype)
"""


@pytest.mark.slow
def test_the_environment_variable_enables_it_too():
    root = Path(__file__).parent.parent
    environment = os.environ | {"JAX_ENABLE_X64": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["float64"]
