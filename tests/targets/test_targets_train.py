"""Every target of the registry trains with its settings, without a non-finite number."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import targets
from gmmvi_jax.targets import Target
from gmmvi_jax.variants.published import published_settings

PUBLISHED = published_settings()["SAMTRON"]
NUM_ITERATIONS = 50
# What makes the published runs long: hundreds of components with hundreds of samples each.
SMALL = {
    "num_initial_components": 3,
    "max_components": 5,
    "desired_samples": 20,
    "add_iters": 10,
    "num_prior_samples": 10,
    "max_database_size": 1000,
    "num_database_samples": 1000,
    "del_iters": 10,
    "diagnostic_samples": 100,
}
SMALL_TARGETS: dict[str, Callable[[], Target]] = {
    "gmm100": lambda: targets.gmm(30),
    "stm300": lambda: targets.stm(30),
    "gmm40_50d": lambda: targets.gmm40(10),
    "lgcp": lambda: targets.lgcp(4),
    "digits": lambda: targets.digits(hidden_units=2),
}


def config_of(name: str, target: Target) -> gmmvi.Config:
    """Return the published settings, the library's own where there are none, at a small size."""
    if name in PUBLISHED and name not in SMALL_TARGETS:
        return gmmvi.published_config("SAMTRON", name, num_iterations=NUM_ITERATIONS, **SMALL)
    start = {
        "prior_mean": target.prior_mean,
        "prior_scale": target.prior_scale,
        "initial_covariance": target.initial_covariance,
        "diagonal": getattr(target, "prefers_diagonal", False),
    }
    options: dict[str, Any] = {**start, **SMALL}
    return gmmvi.from_codename("SAMTRON", target.dim, num_iterations=NUM_ITERATIONS, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", targets.names())
def test_trains_without_a_non_finite_number(name: str) -> None:
    try:
        target = SMALL_TARGETS.get(name, lambda: targets.get(name))()
    except ImportError as error:
        pytest.skip(str(error))
    result = gmmvi.train(config_of(name, target), target)
    assert result.status == "completed"
    history, gmm = result.history, result.gmm
    assert history["iteration"][-1] == NUM_ITERATIONS
    assert np.all(np.isfinite(history["elbo"]))
    for part in (gmm.log_weights, gmm.means, gmm.factors):
        assert np.all(np.isfinite(part))
    # Nor does the second half undo the first: the estimates of few samples differ by their errors.
    margin = 4 * np.hypot(history["elbo_stderr"][0], history["elbo_stderr"][-1])
    assert history["elbo"][-1] > history["elbo"][0] - margin
