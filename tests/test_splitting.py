"""When ``fit`` splits components, and that the run goes on with them."""

import math

import jax.numpy as jnp
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.training.splitting import Splitting


def row(iteration, elbo, gap=1.0, count=4, seconds=1.0):
    return {
        "iteration": iteration,
        "elbo": elbo,
        "elbo_gap": gap,
        "num_components": count,
        "num_target_evaluations": 100 * iteration,
        "num_diagnostic_evaluations": 0,
        "wall_time": seconds * iteration / 10,
    }


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (row(20, -1.0), 32),  # eight times as many
        (row(20, -1.0, gap=0.15), 22),  # which leaves room for another split, into 36
        (row(20, -1.0, gap=0.05), 12),  # as many as it lacks
        (row(20, -1.0, gap=0.02), None),  # it lacks too little
        (row(20, 1.0), None),  # still rising
        (row(20, -1.0, gap=math.nan), None),  # not known
        (row(20, math.nan), None),
        (row(20, -1.0, count=8), None),  # these have just been split
    ],
)
def test_settled_components_are_split_into_as_many_as_the_mixture_lacks(second, expected):
    splitting = Splitting(dim=2, most=100, desired_samples=10)
    assert splitting([row(10, -1.0)]) is None
    assert splitting([row(10, -1.0), second]) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"most": 20}, 20),
        ({"dim": 100}, 20),
        ({"budget": 2000 + 30 * 40 * 10}, 10),  # three chunks of what 10 components draw
        ({"budget": 3000}, None),
        ({"seconds": 2.0 + 3.0 * 9.0}, 12),  # three chunks of nine times the time
        ({"seconds": 1.0}, None),
    ],
)
def test_the_limits_of_the_run_are_limits_of_a_split(limits, expected):
    splitting = Splitting(**{"dim": 2, "most": 100, "desired_samples": 100, **limits})
    assert splitting([row(10, -1.0), row(20, -1.0)]) == expected


@pytest.mark.slow
def test_a_fit_goes_on_with_the_parts_and_the_samples():
    def banana(x):
        return -0.5 * (x[0] ** 2 / 4.0 + (x[1] - x[0] ** 2) ** 2 / 0.01) - math.log(0.4 * math.pi)

    columns = gmmvi.fit(banana, 2, prior_scale=5.0, verbose=False, budget=8_000).history
    counts, evaluations = columns["num_components"], columns["num_target_evaluations"]
    (split_at,) = (counts[1:] > 1.4 * counts[:-1]).nonzero()[0][:1]
    after = slice(split_at + 2, split_at + 5)
    assert jnp.mean(columns["elbo"][after]) > columns["elbo"][split_at] + 0.1
    # All but the first samples of the parts are those of the whole.
    drawn = evaluations[split_at + 1] - evaluations[split_at]
    assert drawn < 0.7 * 10 * 100 * counts[split_at + 1]
