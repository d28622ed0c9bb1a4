"""A last look around a mixture that has converged, for a narrow part that it lacks."""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from gmmvi_jax.evaluation.log_ratios import log_ratios_and_heaviest
from gmmvi_jax.evaluation.uphill import Uphill, mass_uphill, most_evaluations
from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.host_factor import lower_factor
from gmmvi_jax.numerics.keys import subkeys
from gmmvi_jax.training.stopping import Rows, evaluations_spent
from gmmvi_jax.typing import PRNGKey

_NUM_DRAWS = 1_000  # of the mixture, from the heaviest of which the ratio is climbed
_COMPARED = 4  # of so many draws one; the less there are, the more is above all of them
_CLOSE = 0.005  # nats that the mixture lacks by its draws, below which there is nothing to find
_LEAST_SHARE = 0.002  # of the target's mass that is worth a component
_MOST_EVALUATIONS = 0.1  # of the run's: what looks may cost together
_CHUNKS_AHEAD = 2  # that evaluations and time must suffice for, besides a look
_DRAWS_PER_DIMENSION = 2  # effective ones, that a covariance needs
_TRIES = 2  # where something is missing, but too few draws show it


class Missing(NamedTuple):
    """A part of the target that a mixture lacks, as a Gaussian with its moments."""

    share: float  # of the target's mass
    mean: np.ndarray  # [D]
    factor: np.ndarray  # [D, D] lower Cholesky factor of the covariance, or [D]


@dataclasses.dataclass(frozen=True)
class LastLook:
    """Looks uphill of the draws once a fit has converged.

    The neck of a funnel next to the mixture contains no draw and hardly any weight, so that the
    ELBO is flat without it. A component with the moments of what is found there finds the rest.

    Attributes:
        dim: D.
        most: components that there may be.
        diagnostic_samples: evaluations after every chunk that are not those of looks.
        budget: evaluations of the whole run, if limited.
        seconds: of the whole run, if limited.
    """

    dim: int
    most: int
    diagnostic_samples: int
    budget: int | None = None
    seconds: float | None = None

    def is_due(self, rows: Rows) -> bool:
        """Returns whether there may be something to find, and means to look and to go on.

        Args:
            rows: of the history, at least two, see ``TrainResult.history``.
        """
        first, before, last = rows[0], rows[-2], rows[-1]
        cost = _NUM_DRAWS + most_evaluations(self.dim)
        if self.budget is not None:
            chunk = evaluations_spent(last) - evaluations_spent(before)
            if evaluations_spent(last) + _TRIES * cost + _CHUNKS_AHEAD * chunk > self.budget:
                return False
        if self.seconds is not None:
            chunk = last["wall_time"] - before["wall_time"]
            if last["wall_time"] + _CHUNKS_AHEAD * chunk > self.seconds:
                return False
        spent = last["num_diagnostic_evaluations"] - first["num_diagnostic_evaluations"]
        spent -= self.diagnostic_samples * (len(rows) - 1)
        limit = _MOST_EVALUATIONS * evaluations_spent(last)
        has_room = last["num_components"] < self.most
        return has_room and last["elbo_gap"] > _CLOSE and spent + cost <= limit

    def __call__(self, gmm: Any, log_target: Any, key: PRNGKey) -> tuple[Missing | None, int]:
        """Returns what is missing, None if nothing is; and the evaluations.

        Args:
            gmm: of Gaussians, or nothing is looked for.
            log_target: a callable pytree of one point [D].
            key: of the draws.
        """
        if not isinstance(gmm, GMM):
            return None, 0
        spent = 0
        for own in subkeys(key, _TRIES):
            key_draws, key_climbs = jax.random.split(own)
            ratios, heaviest = log_ratios_and_heaviest(gmm, log_target, key_draws, _NUM_DRAWS)
            found = mass_uphill(gmm, log_target, ratios[::_COMPARED], key_climbs, starts=heaviest)
            spent += _NUM_DRAWS + found.num_evaluations
            if found.share <= _LEAST_SHARE:
                break
            missing = _missing(found, gmm)
            if missing is not None:
                return missing, spent
        return None, spent


def _missing(found: Uphill, gmm: GMM) -> Missing | None:
    """Returns the Gaussian, None if too few draws are there to tell its covariance."""
    weights = np.exp(found.log_weights - np.max(found.log_weights))
    weights /= np.sum(weights)
    if 1.0 / np.sum(np.square(weights)) < _DRAWS_PER_DIMENSION * (gmm.dim + 1):
        return None
    mean = weights @ found.draws
    rows = np.sqrt(weights)[:, None] * (found.draws - mean)
    factor = np.linalg.norm(rows, axis=0) if gmm.is_diagonal else lower_factor(rows)
    return Missing(found.share, mean, factor)
