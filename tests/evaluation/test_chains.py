"""Whether chains from a fit's draws show mass next to it, and stay silent where there is none."""

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import chain_check, diagnose
from gmmvi_jax.evaluation.chains import _upper_tail

WHOLE = GMM.from_moments([0.6, 0.4], [[0.0, 0.0], [4.0, 0.0]], [[1.0, 1.0], [0.3, 1.0]])
PART = GMM.from_moments([1.0], [[0.0, 0.0]], [[0.8, 1.0]])


def target(x):
    return WHOLE.log_prob(x) + 3.0


@pytest.mark.slow
def test_mass_next_to_the_mixture_is_found_and_the_coordinate_named():
    found = chain_check(PART, target, jax.random.key(0), 40)
    assert 0 in found.moved
    assert 1 not in found.moved
    assert found.unseen > 0.02
    assert found.is_unseen_significant
    diagnosis = diagnose(PART, target, jax.random.key(1), 1000, mcmc_steps=40)
    assert any("next to the mixture" in concern.text for concern in diagnosis.concerns)
    assert "Markov chains" in str(diagnosis)


@pytest.mark.parametrize("seed", range(4))
def test_a_good_fit_stays_where_it_is(seed):
    fit = GMM.from_moments(WHOLE.weights, WHOLE.means, 1.1 * WHOLE.variances)
    found = chain_check(fit, target, jax.random.key(seed), 20)
    assert list(found.moved) == []
    assert not found.is_unseen_significant


def test_evaluations_are_counted():
    found = chain_check(WHOLE, target, jax.random.key(0), 3, num_chains=30)
    # 20 draws and a start and an end each, and 3 steps of 8 leaps.
    assert found.num_evaluations == 30 * (20 + 1 + 3 * 8 + 1)
    assert found.ends.shape == (30, 2)


def test_at_a_temperature_chains_have_the_tempered_density():
    gmm = GMM.from_moments([1.0], [[0.0, 0.0]], [[0.1, 0.1]])
    found = chain_check(
        gmm, lambda x: -0.5 * x @ x, jax.random.key(0), 20, num_chains=500, temperature=0.1
    )
    assert list(found.moved) == []
    assert scipy.stats.kstest(found.ends[:, 0] / np.sqrt(0.1), "norm").pvalue > 1e-3


def test_a_binomial_tail():
    for successes, count, probability in [(3, 20, 0.1), (0, 5, 0.2), (12, 12, 0.9), (1, 9, 1.0)]:
        expected = scipy.stats.binom.sf(successes - 1, count, probability)
        assert _upper_tail(successes, count, probability) == pytest.approx(expected, rel=1e-9)


def test_what_chains_need_is_said(monkeypatch):
    class Blind:
        has_gradient = False

        def __call__(self, x):
            return -0.5 * x @ x

    with pytest.raises(ValueError, match="a target with a gradient"):
        chain_check(PART, Blind(), jax.random.key(0), 3)
    monkeypatch.setitem(sys.modules, "blackjax.mcmc", None)
    with pytest.raises(ImportError, match="pip install blackjax"):
        chain_check(PART, target, jax.random.key(0), 3)
    monkeypatch.undo()
    importlib.import_module("blackjax.mcmc")


def test_without_a_density_there_is_nowhere_to_start():
    found = chain_check(PART, lambda x: jnp.full((), -jnp.inf), jax.random.key(0), 3)
    assert len(found.ends) == 0
