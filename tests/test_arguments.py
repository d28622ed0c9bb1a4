"""The arguments of ``train`` and ``train_many``: forms that users have, and clear refusals."""

import dataclasses
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.training.chunk import num_compilations

from . import small_run
from .small_run import gaussian

CONFIG = small_run.CONFIG.replace(diagnostic_samples=0)


@pytest.fixture(scope="module")
def result():
    return gmmvi.train(CONFIG, gaussian)


@pytest.mark.slow
def test_a_single_callback_may_come_by_itself():
    rows = []

    def stop(state, row):
        rows.append(row["iteration"])
        return True

    assert "callback" in gmmvi.train(CONFIG, gaussian, callbacks=stop).status
    assert rows == [2]


def test_a_run_goes_on_from_a_result_a_state_or_a_file(result, tmp_path):
    path = tmp_path / "run"
    first = gmmvi.train(CONFIG.replace(num_iterations=2), gaussian, checkpoint=path)
    rest = CONFIG.replace(num_iterations=2)
    for initial in (first, first.state, path, str(path)):
        chex.assert_trees_all_equal(gmmvi.train(rest, gaussian, initial=initial).gmm, result.gmm)


def test_a_run_starts_from_a_mixture_in_a_file_of_numpy_arrays_or_of_float64(result, tmp_path):
    expected = gmmvi.train(CONFIG, gaussian, initial=result.gmm).gmm
    path = tmp_path / "mixture.npz"
    result.gmm.save(path)
    arrays = jax.tree.map(np.asarray, result.gmm)
    doubles = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), result.gmm)
    for initial in (path, str(path), arrays, doubles):
        found = gmmvi.train(CONFIG, gaussian, initial=initial).gmm
        assert found.means.dtype == jnp.float32
        chex.assert_trees_all_equal(found, expected)


@pytest.mark.slow
def test_an_integer_is_the_seed_of_a_key(result):
    for key in (3, np.int64(3), np.uint32(3), jnp.asarray(3)):
        assert typed_key(key) == jax.random.key(3)
    assert typed_key(jax.random.PRNGKey(3)) == jax.random.key(3)
    assert typed_key(np.asarray(jax.random.PRNGKey(3))) == jax.random.key(3)
    assert jax.jit(typed_key)(3) == jax.random.key(3)
    chex.assert_trees_all_equal(gmmvi.train(CONFIG, gaussian, rng_key=0).gmm, result.gmm)
    np.testing.assert_array_equal(result.sample(5, 3), result.sample(jax.random.key(5), 3))
    np.testing.assert_array_equal(
        result.gmm.sample(5, 2), result.gmm.sample(jax.random.PRNGKey(5), 2)
    )
    assert result.diagnose(5, 100).elbo == result.diagnose(jax.random.key(5), 100).elbo
    chex.assert_trees_all_equal(
        gmmvi.init(CONFIG.algorithm, 5).mixture,
        gmmvi.init(CONFIG.algorithm, jax.random.key(5)).mixture,
    )
    banana: Any = gmmvi.targets.get("banana")
    points = banana.sample(1, 20)
    np.testing.assert_array_equal(points, banana.sample(jax.random.key(1), 20))
    distances = [
        gmmvi.evaluation.sliced_wasserstein(points, points + 1.0, key, 5)
        for key in (2, jax.random.key(2))
    ]
    assert distances[0] == distances[1]


BAD_KEYS = [
    (True, TypeError, "got True"),
    (0.0, TypeError, "got 0.0"),
    (-1, ValueError, "at least 0.*got -1"),
    (np.array(-1), ValueError, "at least 0.*got -1"),
    (2**32, ValueError, r"less than 2\*\*32, got 4294967296: .* pass 0"),
    (np.int64(2**40 + 3), ValueError, r"less than 2\*\*32, got 1099511627779: .* pass 3"),
    ("a", TypeError, "got 'a'"),
    (jnp.zeros(2), TypeError, r"float32 and shape \(2,\)"),
    (jax.random.split(jax.random.key(0), 3), ValueError, r"one key, got keys of shape \(3,\)"),
]


@pytest.mark.parametrize(("key", "error", "message"), BAD_KEYS)
def test_what_is_no_key_is_named(key, error, message, result):
    with pytest.raises(error, match=f"^rng_key must be .*{message}"):
        gmmvi.train(CONFIG, gaussian, rng_key=key)
    with pytest.raises(error, match=r"^rng_key must be"):
        result.sample(key, 1)


BAD_ARGUMENTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"initial": 3}, TypeError, "initial must be a GMM or TMixture, .* got int 3"),
    ({"initial": "no/such/file"}, FileNotFoundError, "initial: there is no file .*no/such/file"),
    ({"samples": "samples.npz"}, TypeError, "samples must be Samples, .*load_samples"),
    ({"callbacks": 3}, TypeError, "callbacks must be a function .* got 3"),
    ({"callbacks": [print, "f"]}, TypeError, "callbacks must be"),
    ({"callbacks": "f"}, TypeError, "callbacks must be"),
    ({"callbacks": None}, TypeError, "callbacks must be"),
    ({"progress": "yes"}, TypeError, "progress must be True, False or None, got 'yes'"),
    ({"checkpoint": True}, TypeError, "checkpoint must be the path of a directory, got True"),
    ({"checkpoint": ""}, TypeError, "checkpoint must be the path of a directory, got ''"),
    ({"checkpoint": "/dev/full"}, NotADirectoryError, "checkpoint is a file, /dev/full"),
    ({"checkpoint": "/dev/full/run"}, OSError, "cannot write to the directory /dev/full/run"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_ARGUMENTS)
def test_an_argument_of_the_wrong_type_is_named_before_anything_is_compiled(
    arguments, error, message
):
    compiled = num_compilations()
    with pytest.raises(error, match=message):
        gmmvi.train(CONFIG, gaussian, **arguments)
    with pytest.raises(error, match=message):
        gmmvi.train_many(CONFIG, gaussian, [0, 1], **arguments)
    assert num_compilations() == compiled


def test_checkpoint_and_resume_are_not_given_together():
    with pytest.raises(ValueError, match="give checkpoint for a new run, or resume"):
        gmmvi.train(CONFIG, gaussian, checkpoint="a", resume="b")


def test_swapped_arguments_and_what_is_no_config_are_named():
    swap: Any = gaussian
    for train, rest in ((gmmvi.train, ()), (gmmvi.train_many, ([0],))):
        with pytest.raises(TypeError, match=r"swapped: train\(config, log_target\)"):
            train(swap, CONFIG, *rest)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"config must be a Config, .* got str 'SAMTRON'"):
            train("SAMTRON", gaussian, *rest)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="config must be a Config"):
        gmmvi.train(CONFIG.algorithm, gaussian)  # type: ignore[arg-type]


def test_a_mixture_or_state_that_does_not_fit_is_named(result, tmp_path):
    gmm = result.gmm
    other = gmmvi.samtron(3)
    for initial in (gmm, result, result.state):
        with pytest.raises(ValueError, match="initial has dim 2, but the config was made for 3"):
            gmmvi.train(other, lambda x: -jnp.sum(x**2), initial=initial)
        with pytest.raises(ValueError, match="diagonal=False"):
            gmmvi.train(gmmvi.samtron(2, diagonal=True), gaussian, initial=initial)
    broken = dataclasses.replace(gmm, means=gmm.means * jnp.nan)
    with pytest.raises(ValueError, match="initial has means that are not finite"):
        gmmvi.train(CONFIG, gaussian, initial=broken)
    with pytest.raises(ValueError, match="initial has arrays that do not fit together"):
        gmmvi.train(CONFIG, gaussian, initial=dataclasses.replace(gmm, means=gmm.means[0]))
    two = gmmvi.GMM.from_moments([1.0, 1.0], jnp.eye(2), jnp.ones((2, 2, 2)) + jnp.eye(2))
    with pytest.raises(ValueError, match="initial has 2 components, but max_components is 1"):
        gmmvi.train(CONFIG.replace(max_components=1), gaussian, initial=two)
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), result.state)
    with pytest.raises(ValueError, match="initial holds the states of 2 runs"):
        gmmvi.train(CONFIG, gaussian, initial=stacked)
    path = tmp_path / "other.npz"
    np.savez(path, x=np.zeros(3))
    with pytest.raises(ValueError, match=r"neither a state .* nor a mixture"):
        gmmvi.train(CONFIG, gaussian, initial=path)
    path.write_text("text")
    with pytest.raises(ValueError, match="neither a state"):
        gmmvi.train(CONFIG, gaussian, initial=path)


BAD_SEEDS = [
    (3, TypeError, r"got 3; pass range\(3\)"),
    (None, TypeError, "got None"),
    ([], ValueError, "is empty"),
    ([0, 1.5], ValueError, r"\[1\] must be an integer .* got 1.5"),
    ([True], ValueError, r"\[0\] must be an integer .* got True"),
    ([0, -2], ValueError, r"\[1\] must be an integer of at least 0, got -2"),
    ([0, 2**32], ValueError, r"\[1\] must be less than 2\*\*32, got 4294967296: .* pass 0"),
    ([4, 0, 4], ValueError, "holds 4 twice, at position 2 again"),
    ([jnp.int32(4), np.array(4)], ValueError, "holds 4 twice, at position 1 again"),
    (["a"], ValueError, r"\[0\] must be an integer .* got 'a'"),
    (np.array([0.0, 1.0]), ValueError, r"\[0\] must be an integer"),
]


@pytest.mark.parametrize(("seeds", "error", "message"), BAD_SEEDS)
def test_seeds_that_are_no_integers_are_named(seeds, error, message):
    with pytest.raises(error, match=f"^seeds.*{message}"):
        gmmvi.train_many(CONFIG, gaussian, seeds)


@pytest.mark.slow
def test_seeds_may_be_a_range_or_an_array():
    short = CONFIG.replace(num_iterations=1, log_every=1)
    expected = gmmvi.train_many(short, gaussian, range(2))
    assert expected.seeds == (0, 1)
    found = gmmvi.train_many(short, gaussian, np.arange(2))  # type: ignore[arg-type]
    assert found.seeds == (0, 1)
    chex.assert_trees_all_equal(found.gmms, expected.gmms)


def test_measures_of_a_fit_take_integers_as_keys(result):
    from gmmvi_jax import evaluation

    for measure in (evaluation.elbo, evaluation.log_ratios, evaluation.diagnose):
        found, expected = (
            measure(result.gmm, gaussian, key, 100) for key in (4, jax.random.key(4))
        )
        assert repr(found) == repr(expected)
