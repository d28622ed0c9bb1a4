"""Whether mass next to a mixture, narrower than it, is found, and nothing where there is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from gmmvi_jax import GMM, densities
from gmmvi_jax.evaluation import diagnose, log_ratios, log_ratios_at, mass_uphill

DIM = 8
NUM_DRAWS = 5000
UPPER = GMM.from_moments([1.0], np.eye(DIM)[:1], [[0.6, *[8.0] * (DIM - 1)]])


def funnel(x):
    """The logarithm of a width in front, and seven normals of this width."""
    return norm.logpdf(x[0], 0.5, 1.2) + norm.logpdf(x[1:], 0.0, jnp.exp(x[0])).sum()


def uphill(gmm, target, seed=0, **settings):
    starts = settings.pop("starts", None)
    own = log_ratios(gmm, target, jax.random.key(seed), NUM_DRAWS, **settings)
    key = jax.random.key(seed + 1)
    return own, mass_uphill(gmm, target, own, key, starts=starts, **settings)


@pytest.mark.parametrize("seed", range(3))
def test_the_neck_of_a_funnel_is_found_with_most_of_its_mass(seed):
    own, found = uphill(UPPER, funnel, seed)
    assert found.point is not None
    assert found.excess > 0.0
    noise = np.random.default_rng(0).normal(size=(20_000, DIM))
    samples = 0.5 + 1.2 * noise
    samples[:, 1:] = np.exp(samples[:, :1]) * noise[:, 1:]
    at_samples = np.asarray(log_ratios_at(UPPER, funnel, samples, jax.random.key(0)))
    expected = np.mean(at_samples > np.max(np.asarray(own)))
    assert expected > 0.05
    assert 0.15 * expected < found.share < 1.3 * expected


def test_it_is_a_serious_concern():
    diagnosis = diagnose(UPPER, funnel, jax.random.key(1), NUM_DRAWS)
    (concern,) = [one for one in diagnosis.concerns if "uphill" in one.text]
    assert concern.is_serious
    assert "neck of a funnel" in concern.text
    assert diagnosis.num_evaluations > NUM_DRAWS + diagnosis.uphill.num_evaluations


def test_a_fit_that_is_right_has_nothing_uphill():
    wide = GMM.from_moments([0.6, 0.4], [[0.0, 0.0], [4.0, 0.0]], [[1.0, 1.0], [0.3, 1.0]])
    fit = GMM.from_moments(wide.weights, wide.means, 0.95 * wide.variances)
    assert uphill(fit, wide.log_prob)[1].share < 0.005
    cold = GMM.from_moments([1.0], [[0.0, 0.0]], [[0.1, 0.1]])
    assert uphill(cold, lambda x: -0.5 * x @ x, temperature=0.1)[1].share < 0.005


def test_evaluations_are_counted():
    narrow = GMM.from_moments([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
    _, found = uphill(narrow, lambda x: -0.3 * x @ x)
    _, from_two = uphill(narrow, lambda x: -0.3 * x @ x, starts=[[1.0, 0.0], [0.0, 2.0]])
    assert from_two.num_evaluations == 2 * 41 + 40 * (10 + 3) + 20 * 40
    # 500 draws, 8 climbs of 40 steps, 40 centres with 10 draws and a gradient for
    # each dimension, 20 of them with 40 draws.
    assert found.num_evaluations == 500 + 8 * 41 + 40 * (10 + 3) + 20 * 40


def test_without_a_gradient_or_in_many_dimensions_nothing_is_asked():
    box = densities.black_box(lambda x: -0.5 * np.sum(x**2, axis=1))
    gmm = GMM.from_moments([1.0], np.zeros((1, 2)), np.ones((1, 2)))
    assert uphill(gmm, box)[1][:4] == (None, 0.0, 0.0, 0)
    large = GMM.from_moments([1.0], np.zeros((1, 101)), np.ones((1, 101)))
    assert uphill(large, lambda x: -0.4 * x @ x)[1][:4] == (None, 0.0, 0.0, 0)
