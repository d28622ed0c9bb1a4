"""Expectations, predictions and refined samples: what draws of a mixture are good for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax import GMM, domains
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.densities.pytree import on_pytree
from gmmvi_jax.evaluation import Posterior
from gmmvi_jax.evaluation.predict import predict
from gmmvi_jax.evaluation.refine import refine
from gmmvi_jax.evaluation.weighted_draws import expectation, weighted_draws

# The density is N(0.5, 1); the mixture has too small a mean and too large a scale.
WIDE = Posterior(GMM.from_moments([1.0], [[0.0]], [[[2.0]]]))


def log_density(x):
    return -0.5 * jnp.sum((x - 0.5) ** 2) + 3.0


@pytest.fixture(scope="module")
def draws():
    return weighted_draws(WIDE, log_density, 0, 20_000)


def test_weights_are_the_ratios_of_the_densities(draws):
    ratios = np.exp(draws.log_p - draws.log_q)
    body = ratios < np.quantile(ratios, 0.9)  # the tail is smoothed
    assert np.allclose(draws.weights[body], (ratios / ratios.sum())[body], rtol=1e-3)
    assert np.isclose(draws.weights.sum(), 1.0)
    assert draws.k_hat < 0.5
    assert np.isclose(draws.log_p[0], log_density(draws.free[0]), rtol=1e-4)


def test_expectations_are_those_of_the_density_within_their_errors(draws):
    found = expectation(draws, lambda x: {"mean": x[0], "square": x[0] ** 2})
    for name, right in (("mean", 0.5), ("square", 1.25)):
        assert 0.003 < found.standard_error[name] < 0.02
        assert abs(found.mean[name] - right) < 4.0 * found.standard_error[name]
    assert np.isclose(found.effective_samples, 1.0 / np.sum(draws.weights**2))


@pytest.mark.slow
def test_the_standard_error_of_an_expectation_is_its_spread_over_seeds():
    runs = [
        expectation(weighted_draws(WIDE, log_density, seed, 500), lambda x: x[0])
        for seed in range(15)
    ]
    spread = np.std([run.mean for run in runs], ddof=1)
    assert 0.6 < spread / np.mean([run.standard_error for run in runs]) < 1.6


def test_a_density_without_support_at_the_draws_is_an_error():
    with pytest.raises(ValueError, match="finite at none of 50 draws"):
        weighted_draws(WIDE, lambda x: jnp.where(x[0] > 1e3, 0.0, -jnp.inf), 0, 50)


def test_refined_samples_are_those_of_the_density():
    refined = refine(WIDE, log_density, 0, 4_000, 0)
    assert refined.num_evaluations == 40_000
    assert refined.num_distinct > 2_500
    assert abs(refined.free.mean() - 0.5) < 0.07
    assert abs(refined.free.std() - 1.0) < 0.05
    # The order is random: chains may take the first ones.
    assert abs(refined.free[:400].mean() - 0.5) < 0.25


@pytest.mark.slow
def test_chains_move_duplicates_apart():
    layout = position_layout({"s": 1.0}, {"s": domains.positive})
    target = on_pytree(lambda p: -p["s"], {"s": 1.0}, {"s": domains.positive})  # Exponential(1)
    posterior = Posterior(GMM.from_moments([1.0], [[0.0]], [[[1.0]]]), layout)
    refined = refine(posterior, target, 0, 500, 5)
    assert refined.num_evaluations == 5_000 + 500 * (1 + 5 * 8)
    assert len(np.unique(refined.position["s"])) == 500 > refined.num_distinct
    assert abs(np.mean(refined.position["s"]) - 1.0) < 4.0 / np.sqrt(500)


def test_predictions_do_not_depend_on_the_batches():
    def curve(x):
        return {"line": x[0] * jnp.arange(3.0), "level": x[0]}

    whole = predict(WIDE, curve, 0, 50, 50, False)
    parts = predict(WIDE, curve, 0, 50, 7, False)
    assert whole["line"].shape == (50, 3)
    assert jax.tree.all(jax.tree.map(lambda one, other: np.allclose(one, other), whole, parts))
    assert np.allclose(
        whole["level"], WIDE.sample(jax.random.split(jax.random.key(0))[0], 50)[:, 0]
    )
    noisy = predict(WIDE, lambda x, key: x[0] + jax.random.normal(key), 0, 4_000, 1_000, True)
    assert abs(np.var(noisy) - 3.0) < 0.3


def test_predictions_need_positive_numbers():
    with pytest.raises(ValueError, match="batch_size"):
        predict(WIDE, lambda x: x, 0, 10, 0, False)
