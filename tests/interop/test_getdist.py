"""Fits as samples of GetDist; skipped where GetDist is not installed."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import gmmvi_jax as gmmvi
from gmmvi_jax import domains
from gmmvi_jax.densities import on_pytree
from tests.interop.stub import stub_result

getdist = pytest.importorskip("getdist")


def test_a_vector_has_weighted_draws_and_names():
    gmm = gmmvi.GMM.from_moments([1.0], [[1.0, -2.0]], [np.diag([1.5, 5.0])])
    result = stub_result(gmm, lambda x: -0.5 * ((x[0] - 1.0) ** 2 + (x[1] + 2.0) ** 2 / 4.0))
    samples = gmmvi.interop.getdist.to_samples(result, 0, 4_000, labels={"x[0]": r"\mu"})
    assert samples.getParamNames().list() == ["x[0]", "x[1]"]
    assert samples.getParamNames().labels() == [r"\mu", "x[1]"]
    draws = result.weighted_draws(0, 4_000)
    assert np.allclose(samples.weights, draws.weights)
    assert np.allclose(samples.loglikes, -draws.log_p)
    assert np.allclose(samples.mean(["x[0]", "x[1]"]), [1.0, -2.0], atol=0.15)
    assert np.allclose(samples.std(["x[0]", "x[1]"]), [1.0, 2.0], rtol=0.1)  # not the mixture's
    assert samples.getMargeStats().parWithName("x[1]").mean < -1.5
    with pytest.raises(ValueError, match=r"no parameter 'x'; it has \['x\[0\]'"):
        gmmvi.interop.getdist.to_samples(result, labels={"x": "x"})


def test_positions_have_bounds_and_their_own_density():
    example = {"phase": 0.0, "s": jnp.ones((1, 2)), "w": jnp.full(2, 0.5)}
    own = {"phase": domains.periodic(), "s": domains.positive, "w": domains.simplex}

    def log_density(p):
        return jnp.cos(p["phase"]) - jnp.sum(p["s"])

    target = on_pytree(log_density, example, own)
    gmm = gmmvi.GMM.from_moments([1.0], np.zeros((1, 4)), np.ones((1, 4)))
    result = stub_result(gmm, target, target.layout)
    samples = gmmvi.interop.getdist.to_samples(result, num_samples=2_000)
    names = samples.getParamNames().list()
    assert names == ["phase", "s[0,0]", "s[0,1]", "w[0]", "w[1]"]
    phase, first, second = samples.samples.T[:3]
    assert np.allclose(samples.loglikes, first + second - np.cos(phase), atol=1e-4)
    assert (samples.ranges.getLower("s[0,1]"), samples.ranges.getUpper("s[0,1]")) == (0.0, None)
    assert (samples.ranges.getLower("w[1]"), samples.ranges.getUpper("w[1]")) == (0.0, 1.0)
    assert "phase" in samples.ranges.periodic
    # An exponential density is highest at its bound: without it the estimate falls to a half.
    density = samples.get1DDensity("s[0,0]")
    heights = density.Prob([0.02, 1.0])
    assert np.isclose(heights[0] / heights[1], stats.expon.pdf(0.02) / np.exp(-1.0), rtol=0.35)
