"""A last look around a mixture that has converged, and elsewhere, for parts that it lacks."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from gmmvi_jax.evaluation.log_ratios import log_ratios_and_heaviest
from gmmvi_jax.evaluation.uphill import Uphill, mass_uphill, most_evaluations
from gmmvi_jax.gmm import GMM
from gmmvi_jax.multistart import Climbs, Part
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
_MOST_CLIMBING = 0.05  # of the run's evaluations: what climbs from the prior may cost in all
_TRIES = 2  # where something is missing, but too few draws show it


@dataclasses.dataclass(frozen=True)
class LastLook:
    """Looks uphill of the draws once a fit has converged.

    The neck of a funnel next to the mixture contains no draw and hardly any weight, so that the
    ELBO is flat without it. A component with the moments of what is found there finds the rest.
    Where they may find more, the climbs of the search then go on as far as they are cheap
    beside the run: a basin that few of them reach may be missing altogether.

    Attributes:
        dim: D.
        most: components that there may be.
        diagnostic_samples: evaluations after every chunk that are not those of looks.
        budget: evaluations of the whole run, if limited.
        seconds: of the whole run, if limited.
        climbs: of the search for a start, if they may find more.
    """

    dim: int
    most: int
    diagnostic_samples: int
    budget: int | None = None
    seconds: float | None = None
    climbs: Climbs | None = None

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

    def __call__(
        self, gmm: Any, log_target: Any, key: PRNGKey, row: Mapping[str, Any]
    ) -> tuple[list[Part], int]:
        """Returns what is missing, and the evaluations.

        Args:
            gmm: of Gaussians, or nothing is looked for.
            log_target: a callable pytree of one point [D].
            key: of the draws.
            row: the last one of the history.
        """
        if not isinstance(gmm, GMM):
            return [], 0
        missing, spent = _uphill(gmm, log_target, key)
        if missing is not None:
            return [missing], spent
        parts, more = self._elsewhere(evaluations_spent(row), gmm.is_diagonal)
        return parts[: self.most - gmm.num_components], spent + more

    def _elsewhere(self, num_evaluations: int, diagonal: bool) -> tuple[list[Part], int]:
        """Returns what further climbs find in basins that were not known, and evaluations."""
        if self.climbs is None:
            return [], 0
        before = self.climbs.density.num_evaluations
        allowed = int(_MOST_CLIMBING * num_evaluations) - before
        if allowed < 1:
            return [], 0
        parts = [part for part in self.climbs.go_on(allowed) if part.share > _LEAST_SHARE]
        if diagonal:
            parts = [part._replace(factor=np.linalg.norm(part.factor, axis=1)) for part in parts]
        return parts, self.climbs.density.num_evaluations - before


def _uphill(gmm: GMM, log_target: Any, key: PRNGKey) -> tuple[Part | None, int]:
    """Returns a part next to the mixture, None if there is none; and evaluations."""
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


def _missing(found: Uphill, gmm: GMM) -> Part | None:
    """Returns the Gaussian, None if too few draws are there to tell its covariance."""
    weights = np.exp(found.log_weights - np.max(found.log_weights))
    weights /= np.sum(weights)
    if 1.0 / np.sum(np.square(weights)) < _DRAWS_PER_DIMENSION * (gmm.dim + 1):
        return None
    mean = weights @ found.draws
    rows = np.sqrt(weights)[:, None] * (found.draws - mean)
    factor = np.linalg.norm(rows, axis=0) if gmm.is_diagonal else lower_factor(rows)
    return Part(found.share, mean, factor)
