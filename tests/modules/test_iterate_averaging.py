"""What a fit returns of its iterates: averages of natural parameters, by textbook formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.iterate_averaging import LastIterate, NaturalParameterAverage
from gmmvi_jax.modules.records import empty_record

from ..oracles import Mixture, pad, random_mixture, unpad

DIM, CAPACITY, BLOCK, NUM_ITERATES = 3, 6, 2, 7
EXPONENT = 2.0
EVERYTHING = NaturalParameterAverage(EXPONENT, largest_lag=1e30)
take_in = jax.jit(NaturalParameterAverage.__call__)


def iterates(diagonal, count=3, scales: float | np.ndarray = 1.0):
    generator = np.random.default_rng(0)
    mixtures = [random_mixture(generator, count, DIM, diagonal) for _ in range(NUM_ITERATES)]
    scale = np.broadcast_to(scales, DIM)
    return [
        Mixture(m.weights, m.means * scale, m.covariances * scale[:, None] * scale)
        for m in mixtures
    ]


def memory_of(averaging, mixtures, diagonal, divergence=1.0):
    padded = [pad(mixture, CAPACITY, BLOCK, diagonal) for mixture in mixtures]
    record = empty_record(CAPACITY, padded[0].log_weights.dtype)
    record = record._replace(divergences=record.divergences + divergence)
    memory = averaging.init(padded[0])
    for before, now in zip(padded[:1] + padded[:-1], padded, strict=True):
        memory = take_in(averaging, before, now, record, memory)
    return padded[-1], memory


def textbook_average(mixtures, exponent=EXPONENT):
    """Averages Lambda, Lambda mu and log pi with the rates (c + 1) / (n + c)."""
    precisions, linears, log_weights = 0.0, 0.0, 0.0
    for index, mixture in enumerate(mixtures):
        rate = (exponent + 1) / (index + 1 + exponent)
        linear = np.einsum("kij,kj->ki", mixture.precisions, mixture.means)
        precisions += rate * (mixture.precisions - precisions)
        linears += rate * (linear - linears)
        log_weights += rate * (np.log(mixture.weights) - log_weights)
    precisions, linears = np.asarray(precisions), np.asarray(linears)
    return Mixture(
        weights=scipy.special.softmax(log_weights),
        means=np.linalg.solve(precisions, linears[:, :, None])[:, :, 0],
        covariances=np.linalg.inv(precisions),
    )


def test_natural_parameters_are_averaged(diagonal, float64):
    mixtures = iterates(diagonal)
    last, memory = memory_of(EVERYTHING, mixtures, diagonal)
    found, expected = unpad(EVERYTHING.average(last, memory)), textbook_average(mixtures)
    for name in Mixture._fields:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9)


def test_the_lag_is_the_divergence_from_the_average(float64):
    mixtures = iterates(diagonal=False)
    near = [mixtures[0]._replace(means=mixtures[0].means + 1e-3 * i) for i in range(NUM_ITERATES)]
    _, memory = memory_of(EVERYTHING, near, diagonal=False)
    shifts = textbook_average(near).means - near[-1].means
    expected = 0.5 * np.einsum("ki,kij,kj->k", shifts, near[-1].precisions, shifts)
    np.testing.assert_allclose(memory.lags[: len(expected)], expected, rtol=1e-6)


def test_float32_averages_what_is_badly_conditioned_and_far_from_the_origin(diagonal):
    scales = np.array([1e-4, 1.0, 1e4])
    mixtures = [
        mixture._replace(means=mixture.means + 50.0 * scales)
        for mixture in iterates(diagonal, scales=scales)
    ]
    last, memory = memory_of(EVERYTHING, mixtures, diagonal)
    found, expected = unpad(EVERYTHING.average(last, memory)), textbook_average(mixtures)
    deviations = np.sqrt(np.diagonal(expected.covariances, axis1=1, axis2=2))
    np.testing.assert_allclose(
        found.means / deviations, expected.means / deviations, atol=2e-3 * 50
    )
    relative = found.covariances / (deviations[:, :, None] * deviations[:, None])
    exact = expected.covariances / (deviations[:, :, None] * deviations[:, None])
    np.testing.assert_allclose(relative, exact, atol=1e-3)


def test_where_a_component_travels_the_window_shrinks(float64):
    start = random_mixture(np.random.default_rng(1), 1, DIM)
    path = [start._replace(means=start.means + 5.0 * i) for i in range(NUM_ITERATES)]
    lagging = {}
    for largest_lag in (2.0, 1e30):
        averaging = NaturalParameterAverage(EXPONENT, largest_lag)
        last, memory = memory_of(averaging, path, diagonal=False, divergence=1e-3)
        average = unpad(averaging.average(last, memory))
        lagging[largest_lag] = np.abs(average.means - path[-1].means).max()
    assert lagging[2.0] < 2.5  # half of the last step
    assert lagging[1e30] > 5.0


def test_what_has_no_average_is_as_in_the_iterate(diagonal):
    mixtures = iterates(diagonal)
    last, memory = memory_of(EVERYTHING, mixtures, diagonal)
    newborn = EVERYTHING.init(last)
    unsound = memory._replace(precisions=-memory.precisions)
    for averages in (newborn, unsound):
        found = EVERYTHING.average(last, averages)
        for leaf, expected in zip(
            jax.tree.leaves(found.gaussians), jax.tree.leaves(last.gaussians), strict=True
        ):
            np.testing.assert_allclose(leaf[:3], expected[:3], rtol=1e-6)
    np.testing.assert_allclose(
        EVERYTHING.average(last, newborn).log_weights[:3], last.log_weights[:3], rtol=1e-5
    )


CENTRES = jnp.array([[-4.0, 0.0], [4.0, 0.0]])


def banana_pair(x):
    squares = (x[0] - CENTRES[:, 0]) ** 2 + 4.0 * (x[1] - 0.3 * x[0] ** 2 - CENTRES[:, 1]) ** 2
    return jax.nn.logsumexp(-0.5 * squares)


def short_config(**settings):
    defaults = {
        "prior_scale": 3.0,
        "max_components": 6,
        "add_iters": 5,
        "del_iters": 8,
        "desired_samples": 20,
        "num_database_samples": 200,
        "max_database_size": 1000,
        "diagnostic_samples": 2000,
        "num_iterations": 60,
        "log_every": 20,
    }
    return gmmvi.samtron(2, **{**defaults, **settings})


@pytest.mark.parametrize("diagonal", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_train_returns_an_average_and_takes_the_same_steps(diagonal):
    config = short_config(diagonal=diagonal)
    averaged = gmmvi.train(config, banana_pair)
    plain = gmmvi.train(config.replace(iterate_averaging=LastIterate()), banana_pair)
    for found, expected in zip(
        jax.tree.leaves(averaged.last), jax.tree.leaves(plain.gmm), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert jax.tree.leaves(plain.last)[1].tolist() == plain.gmm.means.tolist()
    assert np.abs(averaged.gmm.means - averaged.last.means).max() > 1e-4
    # The reported ELBO is that of the mixture that is returned, and it is no worse.
    fresh = gmmvi.evaluation.elbo(averaged.gmm, banana_pair, 1, 20_000)
    error = np.hypot(averaged.history["elbo_stderr"][-1], float(fresh.standard_error))
    assert abs(averaged.history["elbo"][-1] - float(fresh.mean)) < 5 * error
    last = gmmvi.evaluation.elbo(averaged.last, banana_pair, 1, 20_000)
    assert float(fresh.mean) > float(last.mean) - 0.01


@pytest.mark.slow
def test_averaging_gives_back_what_jitter_costs():
    gains = []
    for seed in range(4):
        result = gmmvi.train(short_config(seed=seed, desired_samples=10), banana_pair)
        average, last = (
            float(gmmvi.evaluation.elbo(gmm, banana_pair, 0, 20_000).mean)
            for gmm in (result.gmm, result.last)
        )
        gains.append(average - last)
    assert np.mean(gains) > 0.005, gains
    assert min(gains) > -0.01, gains


def test_it_can_be_turned_off_and_is_off_in_published_settings():
    off = short_config(average_iterates=False)
    assert isinstance(off.algorithm.iterate_averaging, LastIterate)
    published = gmmvi.published_config("SAMTRON", "gmm20")
    assert isinstance(published.algorithm.iterate_averaging, LastIterate)
    with pytest.raises(ValueError, match="average_iterates"):
        short_config(average_iterates="yes")
