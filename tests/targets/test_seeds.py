"""The seeds against scipy's distributions, and their data against what is published of them."""

import math

import jax
import numpy as np
import pytest
from scipy import optimize, special, stats

from gmmvi_jax.targets import seeds
from gmmvi_jax.targets.seeds import PLATES

evaluate = jax.jit(lambda target, points: jax.vmap(target)(points))


@pytest.mark.usefixtures("float64")
def test_density_is_the_loop_over_plates() -> None:
    target = seeds()
    for x in np.random.default_rng(0).normal(size=(4, 26)) * np.array([3.0] + 25 * [1.0]):
        precision, (constant, variety, extract, both), effects = math.exp(x[0]), x[1:5], x[5:]
        # The last term: tau's density becomes that of its logarithm.
        expected = stats.gamma.logpdf(precision, 0.01, scale=100) + x[0]
        expected += np.sum(stats.norm.logpdf(x[1:5], 0, 10))
        for (germinated, total, v, e), effect in zip(PLATES, effects, strict=True):
            expected += stats.norm.logpdf(effect, 0, 1 / math.sqrt(precision))
            logit = constant + variety * v + extract * e + both * v * e + effect
            expected += stats.binom.logpmf(germinated, total, special.expit(logit))
        np.testing.assert_allclose(evaluate(target, x[None])[0], expected, rtol=1e-11)


def test_data_have_the_published_maximum_likelihood() -> None:
    # Breslow & Clayton (JASA 1993): 0.558, 0.146, 1.318, 0.778 without random effects.
    target = seeds()
    assert np.sum(target.totals) == 831
    design, germinated, totals = target.design, target.germinated, target.totals

    def score(coefficients: np.ndarray) -> np.ndarray:
        return design.T @ (germinated - totals * special.expit(design @ coefficients))

    solution = optimize.root(score, np.zeros(4))
    np.testing.assert_allclose(solution.x, [-0.558, 0.146, 1.318, -0.778], atol=6e-4)
