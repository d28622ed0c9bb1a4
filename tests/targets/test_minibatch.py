"""Minibatches: unbiased, one for each sample, reported on all data."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities, targets
from gmmvi_jax.densities.data_rows import draw_rows
from gmmvi_jax.evaluation import elbo

from ..double_precision import enable_x64

NUM_ROWS, BATCH_SIZE, DIM = 37, 8, 3
NUM_KEYS = 4000

draw_many = jax.jit(
    lambda keys, num_rows, batch_size: jax.vmap(lambda key: draw_rows(key, num_rows, batch_size))(
        keys
    ),
    static_argnums=(1, 2),
)
estimate_many = jax.jit(
    lambda target, x, keys: jax.vmap(jax.value_and_grad(target), (None, 0))(x, keys)
)
evaluate_full = jax.jit(lambda target, x: jax.value_and_grad(target.full)(x))


def log_likelihood(x, rows):
    """Of a linear regression: rows are a dict of features and integer labels."""
    residuals = rows["labels"] - rows["features"] @ x
    return -0.5 * jnp.sum(residuals**2)


def log_prior(x):
    return -0.1 * jnp.sum(x**2)


@functools.cache
def regression(batch_size=BATCH_SIZE):
    generator = np.random.default_rng(0)
    data = {
        "features": generator.normal(size=(NUM_ROWS, DIM)),
        "labels": generator.integers(-3, 4, size=NUM_ROWS),
    }
    return densities.minibatch(log_likelihood, log_prior, data, batch_size)


def random_keys(count=NUM_KEYS, seed=0):
    return jax.random.split(jax.random.key(seed), count)


@pytest.mark.parametrize(("num_rows", "batch_size"), [(37, 8), (569, 64), (5, 1), (7, 6)])
def test_every_row_is_drawn_equally_often(num_rows, batch_size):
    rows = np.asarray(draw_many(random_keys(20_000), num_rows, batch_size))
    assert rows.min() == 0
    assert rows.max() == num_rows - 1
    assert np.all(np.diff(rows, axis=1) >= 0)
    found = np.bincount(rows.ravel(), minlength=num_rows) / len(rows)
    expected = batch_size / num_rows
    # A row is drawn at most twice, so its count varies less than a binomial one times sqrt(2).
    deviation = np.sqrt(2 * expected / len(rows))
    np.testing.assert_allclose(found, expected, atol=5 * deviation)


def test_all_rows_are_drawn_once_where_the_batch_is_all_data():
    rows = draw_many(random_keys(50), 9, 9)
    np.testing.assert_array_equal(rows, np.tile(np.arange(9), (50, 1)))


def test_many_rows_do_not_overflow():
    num_rows = 2_000_000_000
    rows = np.asarray(draw_many(random_keys(200), num_rows, 1000)).astype(np.int64)
    bounds = np.arange(1001) * num_rows // 1000
    assert np.all((bounds[:-1] <= rows) & (rows <= bounds[1:]))


@pytest.mark.parametrize(
    "make",
    [regression, targets.breast_cancer_mb, targets.german_credit_mb],
    ids=lambda f: f.__name__,
)
def test_the_estimate_and_its_gradient_are_unbiased(make):
    target = make()
    dim = getattr(target, "dim", DIM)
    x = 0.3 * np.random.default_rng(1).normal(size=dim).astype(np.float32)
    values, gradients = map(np.asarray, estimate_many(target, x, random_keys()))
    full_value, full_gradient = evaluate_full(target, x)
    assert len(np.unique(values)) > 0.9 * NUM_KEYS  # minibatches of their own
    for estimates, full in ((values, full_value), (gradients, full_gradient)):
        estimates = estimates.astype(np.float64)
        error = estimates.std(axis=0, ddof=1) / np.sqrt(NUM_KEYS)
        assert np.all(np.abs(estimates.mean(axis=0) - full) <= 5 * error + 1e-6)


def test_the_benchmarks_on_minibatches_are_the_benchmarks():
    for name in ("breast_cancer", "german_credit"):
        target, posterior = targets.get(f"{name}_mb"), targets.get(name)
        x = 0.3 * np.random.default_rng(1).normal(size=target.dim).astype(np.float32)
        expected = jax.value_and_grad(posterior)(x)
        for found, full in zip(evaluate_full(target, x), expected, strict=True):
            np.testing.assert_allclose(found, full, rtol=1e-5)
        assert target.batch_size == 64  # pyright: ignore[reportAttributeAccessIssue]


def test_the_variance_is_that_of_drawing_without_replacement():
    # Of a sum over rows in random order; with replacement it would be 1 / (1 - 1/4) as large.
    num_rows, batch_size = 256, 64
    terms = np.random.default_rng(2).normal(size=num_rows)
    target = densities.minibatch(
        lambda x, rows: jnp.sum(rows), lambda x: 0.0 * x[0], terms, batch_size
    )
    values, _ = estimate_many(target, np.zeros(1, np.float32), random_keys())
    expected = num_rows**2 / batch_size * np.var(terms, ddof=1) * (1 - batch_size / num_rows)
    np.testing.assert_allclose(np.var(values), expected, rtol=0.15)


def test_the_full_density_sums_over_all_rows_and_a_full_batch_is_exact():
    target = regression()
    x = jnp.array([0.5, -1.0, 2.0])
    data = target.data
    residuals = data["labels"] - data["features"] @ x
    expected = -0.5 * np.sum(residuals**2) - 0.1 * np.sum(x**2)
    np.testing.assert_allclose(target.full(x), expected, rtol=1e-5)
    everything = regression(NUM_ROWS)
    np.testing.assert_allclose(everything(x, jax.random.key(5)), expected, rtol=1e-5)


def test_data_are_arguments_of_the_program_in_the_dtype_of_the_point():
    target = regression()
    program = jax.make_jaxpr(lambda target, x, key: target(x, key))(
        target, np.zeros(DIM, np.float32), jax.random.key(0)
    )
    assert not program.consts
    with enable_x64(True):
        for dtype in (jnp.float32, jnp.float64):
            point = jax.ShapeDtypeStruct((DIM,), dtype)
            assert jax.eval_shape(target, point, jax.random.key(0)).dtype == dtype
            assert jax.eval_shape(target.full, point).dtype == dtype


def test_the_position_may_be_a_pytree():
    x = jnp.array([0.5, -1.0, 2.0])
    flat = regression()
    nested = densities.minibatch(
        lambda p, rows: log_likelihood(jnp.append(p["w"], p["b"]), rows),
        lambda p: log_prior(jnp.append(p["w"], p["b"])),
        flat.data,
        BATCH_SIZE,
    )
    target: Any = densities.on_pytree(nested, {"w": jnp.zeros(2), "b": 0.0})
    swapped = x[jnp.array([2, 0, 1])]  # b first
    key = jax.random.key(1)
    assert target.is_stochastic
    np.testing.assert_allclose(target(swapped, key), flat(x, key), rtol=1e-6)
    np.testing.assert_allclose(target.full(swapped), flat.full(x), rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "batch_size", "message"),
    [
        (np.zeros((5, 2)), 6, "from 1 to 5"),
        (np.zeros((5, 2)), 0, "got 0"),
        (np.zeros((5, 2)), 2.0, "got 2.0"),
        ({"a": np.zeros(5), "b": np.zeros(4)}, 2, r"\(5,\), \(4,\)"),
        ({}, 2, "got shapes"),
        (np.float64(3.0), 1, "got shapes"),
        (jax.ShapeDtypeStruct((2_000_000_000,), float), 20_000, "smaller minibatches"),
    ],
)
def test_a_bad_minibatch_is_refused(data, batch_size, message):
    with pytest.raises(ValueError, match=message):
        densities.minibatch(log_likelihood, log_prior, data, batch_size)


@pytest.mark.slow
def test_published_settings_train_on_minibatches_and_report_on_all_data():
    # Batches are drawn on the way; evaluations are counted like those of any other target.
    config = gmmvi.published_config(
        "SAMTRON", "breast_cancer_mb", num_iterations=4, log_every=2, max_components=4
    )
    target = targets.get("breast_cancer_mb")
    result = gmmvi.train(config, target)
    np.testing.assert_array_equal(result.history["num_target_evaluations"], [200, 400])
    assert result.history["num_unusable_samples"].sum() == 0
    again = gmmvi.train(config, target)
    np.testing.assert_array_equal(result.history["elbo"], again.history["elbo"])
    key = jax.random.key(0)
    reported = elbo(result.gmm, target, key, 1000)
    on_all_data = elbo(result.gmm, targets.get("breast_cancer"), key, 1000)
    np.testing.assert_allclose(reported.mean, on_all_data.mean, rtol=1e-6)
    difference = result.history["elbo"][-1] - on_all_data.mean
    assert abs(difference) < 5 * (on_all_data.standard_error + result.history["elbo_stderr"][-1])
