"""Results on disk: what is saved comes back, and what cannot be saved or read is named."""

import contextlib
import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import constraints

import gmmvi_jax as gmmvi
from gmmvi_jax import domains
from gmmvi_jax.training.config_text import from_json, to_json


def log_density(position):
    return -0.5 * position["a"] @ position["a"] - position["s"][0]


EXAMPLE = {"a": jnp.zeros(2), "s": (1.0,)}


@pytest.fixture(scope="module")
def result():
    config = gmmvi.samtron(
        EXAMPLE,
        domain={"s": domains.positive},
        max_components=4,
        desired_samples=30,
        reuse_ratio=1.5,
        num_iterations=6,
        log_every=2,
    )
    return gmmvi.train(config, log_density)


def test_a_saved_result_comes_back_and_goes_on(result, tmp_path):
    result.save(tmp_path / "run")
    loaded = gmmvi.load(tmp_path / "run", log_density)
    assert loaded.status == result.status
    assert loaded.layout == result.layout
    for name, column in result.history.items():
        np.testing.assert_array_equal(loaded.history[name], column)
    np.testing.assert_array_equal(loaded.sample(0, 5)["s"][0], result.sample(0, 5)["s"][0])
    assert loaded.weighted_draws(0, 50).k_hat == result.weighted_draws(0, 50).k_hat
    one = gmmvi.train(result.config, log_density, initial=result)
    other = gmmvi.train(loaded.config, log_density, initial=loaded)
    np.testing.assert_array_equal(one.gmm.means, other.gmm.means)
    # Without the density everything that does not evaluate it works.
    assert gmmvi.load(tmp_path / "run").log_prob(EXAMPLE).shape == ()
    result.save(tmp_path / "run")  # again, over the old one


def test_another_density_is_refused_when_it_is_given(result, tmp_path):
    result.save(tmp_path)
    others: tuple[Any, ...] = (
        (lambda p: -p["b"], ValueError, r"is not that of .*cannot be called.*KeyError: 'b'"),
        (lambda p: p["a"], TypeError, r"is not that of .*must return a scalar"),
        (lambda x: -jnp.sum((x - jnp.zeros(7)) ** 2), ValueError, "cannot be called"),
        (3.0, TypeError, "must be a function"),
    )
    for other, kind, words in others:
        with pytest.raises(kind, match=words):
            gmmvi.load(tmp_path, other)


def test_numpy_alone_reads_the_mixture(result, tmp_path):
    result.save(tmp_path)
    arrays = np.load(tmp_path / "gmm.npz")  # allow_pickle is False
    point = np.array([0.3, -0.2, 0.1])
    log_q = -np.inf
    for log_weight, mean, factor in zip(
        arrays["log_weights"], arrays["means"], arrays["factors"], strict=True
    ):
        white = np.linalg.solve(factor, point - mean)
        log_density = -0.5 * white @ white - np.log(np.diagonal(factor)).sum()
        log_q = np.logaddexp(log_q, log_weight + log_density - 1.5 * np.log(2.0 * np.pi))
    assert np.isclose(log_q, result.gmm.log_prob(point), atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        gmmvi.samtron(3, prior_mean=[1.0, 2.0, 3.0]),
        gmmvi.vips({"a": [0.0, (1.0, 2.0)]}, prior_scale=2.0),
        gmmvi.ibayes_gmm(2, seed=3),
        gmmvi.samtron(
            {"f": jnp.eye(2), "r": 0.0},
            domain={"f": constraints.corr_cholesky, "r": domains.interval(-1.0, 2.0)},
        ),
        gmmvi.published_config("SAMTRON", "breast_cancer"),
    ],
)
def test_configurations_are_the_same_from_text(config):
    text = json.dumps(to_json(config), allow_nan=False)
    back = from_json(json.loads(text))
    assert json.dumps(to_json(back), allow_nan=False) == text
    assert back.layout == config.layout
    assert repr(back) == repr(config)


def test_functions_cannot_be_saved_as_text():
    config = gmmvi.samtron(2, temperature=lambda iteration: 1.0)
    with pytest.raises(ValueError, match=r"config\.algorithm\.temperature.* cannot be saved"):
        to_json(config)


def test_only_classes_of_the_package_are_made():
    with pytest.raises(ValueError, match=r"os\.system is no class"):
        from_json({"class": "os.system", "fields": {}})
    with pytest.raises(ValueError, match="no class of a configuration"):
        from_json({"class": "gmmvi_jax.training.train.train", "fields": {}})
    with pytest.raises(ValueError, match="another version"):
        from_json({"class": "gmmvi_jax.config.Gone", "fields": {}})


def test_missing_damaged_and_foreign_results_are_named(result, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no run in"):
        gmmvi.load(tmp_path)
    result.save(tmp_path)
    (path,) = tmp_path.glob("snapshot-*.npz")
    content = path.read_bytes()
    for damaged in (b"", content[:3], content[: len(content) // 2], b"[]"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path.name} is (not a snapshot|damaged)"):
            gmmvi.load(tmp_path)
    (path.parent / "gmm.npz").replace(path)
    with pytest.raises(ValueError, match=r"its header says 'gmmvi_jax\.GMM'"):
        gmmvi.load(tmp_path)


def test_a_flipped_bit_is_found_or_harmless(result, tmp_path):
    result.save(tmp_path)
    (path,) = tmp_path.glob("snapshot-*.npz")
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    for position in generator.integers(len(content), size=20):
        flipped = bytearray(content)
        flipped[position] ^= 1 << generator.integers(8)
        path.write_bytes(flipped)
        with contextlib.suppress(ValueError):
            loaded = gmmvi.load(tmp_path)
            np.testing.assert_array_equal(loaded.gmm.means, result.gmm.means)
