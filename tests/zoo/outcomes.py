"""What a run may end with: a mixture that makes sense, or an end with a name."""

import re
import warnings
from typing import NamedTuple

import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax.config import Config
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import Status

from .menagerie import Menagerie

# Far beyond every number of the zoo. A run is short: a mixture that is wider has run away.
LARGEST_MEAN = 1e6
LARGEST_DEVIATION = 1e6
MOST_OUTSIDE = 0.99  # share of the draws without a density, above which a word is due
NAMES = re.compile(r"log_target|the log density|prior_mean|prior_scale|the run (failed|diverged)")
CURES = re.compile(
    r"\b(start inside|choose|return|write|compute|bound|use|take|add|look for|look at|enable)\b",
    re.IGNORECASE,
)


class Outcome(NamedTuple):
    """How a run ended, and what was said meanwhile."""

    result: TrainResult | None
    error: Exception | None
    messages: list[warnings.WarningMessage]

    @property
    def is_complete(self) -> bool:
        """Whether there is a mixture that is meant to be good."""
        return self.result is not None and self.result.status is Status.COMPLETED


def run(config: Config, target: Menagerie) -> Outcome:
    """Trains, and catches what an end may be; other exceptions are defects and pass."""
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        try:
            result, error = gmmvi.train(config, target), None
        except (ValueError, TypeError, FloatingPointError) as caught:
            result, error = None, caught
    return Outcome(result, error, messages)


def check(outcome: Outcome, scale: float = 1.0) -> None:
    """Asserts that the outcome is a good mixture, or an end that is named and has a cure.

    Args:
        outcome: of a run.
        scale: of the widest coordinate, beside which a mixture that has run away is wide.
    """
    result, error, messages = outcome
    for message in messages:
        assert message.category is UserWarning, message
        assert NAMES.search(str(message.message)), message
    if error is not None:
        assert type(error) in (ValueError, TypeError, FloatingPointError), repr(error)
        assert NAMES.search(str(error)), error
        assert CURES.search(str(error)), error
        return
    assert result is not None
    assert_finite(result)
    assert result.status in (Status.COMPLETED, Status.FAILED, Status.DIVERGED)
    if result.status is not Status.COMPLETED:
        assert result.ending.reason
        assert any(result.ending.reason in str(message.message) for message in messages)
        return
    said = " ".join(str(message.message) for message in messages)
    assert_sensible(result, said, scale)


def assert_finite(result: TrainResult) -> None:
    """Asserts that the mixture is one: weights that sum to 1, and positive covariances."""
    weights, means, factors = (
        np.asarray(part, float)
        for part in (result.gmm.weights, result.gmm.means, result.gmm.factors)
    )
    assert np.all(np.isfinite(means)), means
    assert np.all(np.isfinite(factors)), factors
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-4)
    if factors.ndim == 2:  # standard deviations
        factors = np.stack([np.diag(row) for row in factors])
    assert np.all(np.diagonal(factors, axis1=1, axis2=2) > 0.0), factors
    covariances = factors @ np.swapaxes(factors, 1, 2)
    assert np.all(np.linalg.eigvalsh(covariances) > 0.0), covariances
    assert "component" in result.summary()


def assert_sensible(result: TrainResult, said: str, scale: float) -> None:
    """Asserts that a complete run approximates something, or that a warning says why not."""
    history = result.history
    assert np.all(np.abs(result.gmm.means) < scale * LARGEST_MEAN), result.gmm.means
    assert np.all(np.abs(result.gmm.factors) < scale * LARGEST_DEVIATION), result.gmm.factors
    for name in ("num_nan_values", "num_infinite_values", "num_nonfinite_gradients"):
        assert history[name].sum() == 0 or "the log density" in said, (name, history[name])
    if not result.config.run.diagnostic_samples:
        return  # there is no ELBO
    share, elbo = history["outside_share"][-1], history["elbo"][-1]
    if share > MOST_OUTSIDE:
        assert "-inf" in said, (share, elbo)
    else:
        assert np.isfinite(elbo), (share, elbo, said)
        assert history["elbo_stderr"][-1] >= 0.0, history["elbo_stderr"]
