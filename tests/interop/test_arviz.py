"""Fits as DataTrees, and what ArviZ makes of them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from arviz_stats.loo import loo_approximate_posterior
from arviz_stats.summary import summary
from scipy import stats

import gmmvi_jax as gmmvi
from gmmvi_jax.densities import on_pytree
from gmmvi_jax.densities.softened import softened
from gmmvi_jax.interop.arviz import to_arviz
from gmmvi_jax.interop.numpyro import from_model
from tests.interop import models
from tests.interop.stub import stub_result

PRECISION = 0.25 + np.sum(1.0 / models.SCALE**2)
MEAN = (0.25 + np.sum(models.DATA / models.SCALE**2)) / PRECISION


def exact_leave_one_out():
    """Returns the sum of the log densities of every datum under the posterior without it."""
    total = 0.0
    for own in range(len(models.DATA)):
        others = np.arange(len(models.DATA)) != own
        precisions = 1.0 / models.SCALE[others] ** 2
        precision = 0.25 + precisions.sum()
        mean = (0.25 + precisions @ models.DATA[others]) / precision
        scale = np.sqrt(models.SCALE[own] ** 2 + 1.0 / precision)
        total += stats.norm.logpdf(models.DATA[own], mean, scale)
    return total


@pytest.fixture(scope="module")
def result():
    """The posterior of ``normal_mean``, 10 % too wide."""
    density = from_model(models.normal_mean, models.SCALE, models.DATA)
    target = on_pytree(density, density.position, density.domain)
    gmm = gmmvi.GMM.from_moments([1.0], [[MEAN]], [[[1.21 / PRECISION]]])
    return stub_result(gmm, softened(target, -1e3), target.layout)  # as ``fit`` returns it


@pytest.fixture(scope="module")
def tree(result):
    dims = {"y": ["row"]}
    return to_arviz(
        result, num_samples=2_000, log_likelihood=True, dims=dims, coords={"row": range(4)}
    )


def test_the_groups_have_draws_densities_and_the_run(tree, result):
    assert set(tree.children) == {"posterior", "sample_stats", "log_likelihood"}
    posterior, kept = tree["posterior"], tree["sample_stats"]
    assert posterior["mu"].dims == ("chain", "draw")
    assert np.allclose(posterior["twice"], 2.0 * posterior["mu"])
    assert tree["log_likelihood"]["y"].dims == ("chain", "draw", "row")
    gaps = (kept["lp"] - kept["log_q"]).values[0]
    weights = np.exp(kept["log_weight"].values[0])
    assert np.isclose(weights.sum(), 1.0)
    assert np.corrcoef(weights, np.exp(gaps - gaps.max()))[0, 1] > 0.99
    assert tree.attrs["status"] == str(result.status)
    assert tree.attrs["num_target_evaluations"] == result.history["num_target_evaluations"][-1]


def test_summaries_and_comparisons_work(tree):
    assert abs(float(summary(tree, var_names=["mu"]).loc["mu", "mean"]) - MEAN) < 0.05
    kept = tree["sample_stats"]
    loo: Any = loo_approximate_posterior(tree, kept["lp"], kept["log_q"])
    assert abs(loo.elpd - exact_leave_one_out()) < 0.06  # 0.27 off without log_q


@pytest.mark.slow
def test_resampled_draws_are_equally_weighted(result):
    tree = to_arviz(result, num_samples=100, resample=True)
    assert np.allclose(tree["sample_stats"]["log_weight"], -np.log(100))


@pytest.mark.slow
def test_vectors_and_own_likelihoods():
    gmm = gmmvi.GMM.from_moments([1.0], [[0.0, 0.0]], [np.eye(2)])
    result = stub_result(gmm, lambda x: -0.5 * x @ x)
    tree = to_arviz(result, num_samples=50, log_likelihood=lambda x: -((x - 1.0) ** 2))
    assert tree["posterior"]["x"].shape == (1, 50, 2)
    x = tree["posterior"]["x"].values
    assert np.allclose(tree["log_likelihood"]["log_likelihood"], -((x - 1.0) ** 2), rtol=1e-5)
    with pytest.raises(ValueError, match="needs the fit of a model"):
        to_arviz(result, num_samples=50, log_likelihood=True)
    named = to_arviz(result, num_samples=50, log_likelihood=lambda x: {"a": jnp.sum(x)})
    assert named["log_likelihood"]["a"].shape == (1, 50)
