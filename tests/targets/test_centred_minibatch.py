"""Minibatches with a control variate: unbiased, less noise, none where rows differ by a slope."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.densities.data_rows import draw_rows
from gmmvi_jax.multistart import quieter

from ..double_precision import enable_x64

NUM_ROWS, BATCH_SIZE, DIM = 40, 4, 2
ROWS = np.random.default_rng(0).normal([3.0, -1.0], 2.0, size=(NUM_ROWS, DIM))
PRIOR_PRECISION = 0.01


def log_likelihood(x, rows):
    """Of the mean of unit Gaussians: the rows' Hessians are the same, their slopes are not."""
    return -0.5 * jnp.sum((rows - x) ** 2)


def log_likelihood_of_dict(position, rows):
    return log_likelihood(position["x"], rows)


def log_quartic(x, rows):
    return -jnp.sum((rows - x) ** 4)


def log_cauchy(x, rows):
    return -jnp.sum(jnp.log1p((rows - x) ** 2))


def log_prior(x):
    return -0.5 * PRIOR_PRECISION * jnp.sum(x**2)


def test_the_estimate_is_that_of_the_remainders():
    with enable_x64(True):
        target = densities.minibatch(log_quartic, log_prior, ROWS, BATCH_SIZE)
        centre, x, key = np.array([1.0, 2.0]), np.array([0.5, 2.5]), jax.random.key(3)
        found = target.centred(centre)(jnp.asarray(x), key)
        rows = np.asarray(draw_rows(key, NUM_ROWS, BATCH_SIZE))
    values = -np.sum((ROWS - x) ** 4, axis=1)
    slopes = 4.0 * (ROWS - centre) ** 3
    first_order = -np.sum((ROWS - centre) ** 4, axis=1) + slopes @ (x - centre)
    remainder = NUM_ROWS / BATCH_SIZE * np.sum((values - first_order)[rows])
    expected = -0.5 * PRIOR_PRECISION * x @ x + np.sum(first_order) + remainder
    assert float(found) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("is_dict", [False, True])
def test_rows_of_equal_curvature_have_no_noise(is_dict):
    example = {"x": jnp.zeros(DIM)}
    if is_dict:
        target = densities.minibatch(
            log_likelihood_of_dict, lambda p: log_prior(p["x"]), ROWS, BATCH_SIZE
        )
        target = gmmvi.densities.on_pytree(target, example)
    else:
        target = densities.minibatch(log_likelihood, log_prior, ROWS, BATCH_SIZE)
    quiet = target.centred(jnp.array([1.0, 0.0]))
    x = jnp.array([4.0, -3.0])
    estimates = jax.vmap(jax.value_and_grad(quiet), (None, 0))(
        x, jax.random.split(jax.random.key(0), 8)
    )
    expected = jax.value_and_grad(target.full)(x)
    np.testing.assert_allclose(estimates[0], np.full(8, expected[0]), rtol=1e-5)
    np.testing.assert_allclose(estimates[1], np.tile(expected[1], (8, 1)), rtol=1e-4)


def test_it_is_used_where_it_helps_and_counted():
    target = densities.minibatch(log_quartic, log_prior, ROWS, BATCH_SIZE)
    with_flat_tails = densities.minibatch(log_cauchy, log_prior, ROWS, BATCH_SIZE)
    near, far = (
        gmmvi.GMM(jnp.zeros(1), jnp.array([[3.0, -1.0]]), width * jnp.eye(DIM)[None])
        for width in (0.1, 100.0)
    )
    quiet, centre, num_evaluations = quieter(target, near, jax.random.key(0))
    assert quiet is not target
    np.testing.assert_array_equal(centre, near.means[0])
    assert num_evaluations == NUM_ROWS // BATCH_SIZE + 4 * 32
    assert quieter(with_flat_tails, far, jax.random.key(0))[0] is with_flat_tails
    assert quieter(target.full, near, jax.random.key(0)) == (target.full, None, 0)


@pytest.mark.slow
def test_a_fit_on_minibatches_is_that_of_all_data():
    target = densities.minibatch(log_likelihood, log_prior, ROWS, BATCH_SIZE)
    result = gmmvi.fit(target, DIM, prior_scale=5.0, max_components=3, verbose=False)
    assert result.status == "converged"
    precision = NUM_ROWS + PRIOR_PRECISION
    mean = np.sum(ROWS, axis=0) / precision
    log_z = (
        -0.5 * np.sum(ROWS**2)
        + 0.5 * precision * mean @ mean
        + 0.5 * DIM * np.log(2 * np.pi / precision)
    )
    assert float(result.history["elbo"][-1]) == pytest.approx(float(log_z), abs=0.02)
    assert result.target is target  # its own noise is what further runs and reports should see
