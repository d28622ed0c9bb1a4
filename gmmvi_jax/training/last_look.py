"""A last look around a mixture that has converged, for a narrow part that it lacks."""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from gmmvi_jax.evaluation.log_ratios import log_ratios_and_heaviest
from gmmvi_jax.evaluation.uphill import Uphill, mass_uphill, most_evaluations
from gmmvi_jax.gmm import GMM
from gmmvi_jax.training.stopping import Rows, evaluations_spent
from gmmvi_jax.typing import PRNGKey

_NUM_DRAWS = 1_000  # of the mixture, from the heaviest of which the ratio is climbed
_COMPARED = 4  # of so many draws one; the less there are, the more is above all of them
_CLOSE = 0.01  # nats that the mixture lacks by its draws, below which there is nothing to find
_LEAST_SHARE = 0.002  # of the target's mass that is worth a component
_MOST_EVALUATIONS = 0.1  # of the run's: what looks may cost together


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
    """

    dim: int
    most: int
    diagnostic_samples: int

    def is_due(self, rows: Rows) -> bool:
        """Returns whether there may be something to find, and evaluations to look for it.

        Args:
            rows: of the history, see ``TrainResult.history``.
        """
        first, last = rows[0], rows[-1]
        spent = last["num_diagnostic_evaluations"] - first["num_diagnostic_evaluations"]
        spent -= self.diagnostic_samples * (len(rows) - 1)
        limit = _MOST_EVALUATIONS * evaluations_spent(last)
        has_room = last["num_components"] < self.most
        cost = _NUM_DRAWS + most_evaluations(self.dim)
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
        key_draws, key_climbs = jax.random.split(key)
        ratios, heaviest = log_ratios_and_heaviest(gmm, log_target, key_draws, _NUM_DRAWS)
        found = mass_uphill(gmm, log_target, ratios[::_COMPARED], key_climbs, starts=heaviest)
        missing = _missing(found, gmm.is_diagonal) if found.share > _LEAST_SHARE else None
        return missing, _NUM_DRAWS + found.num_evaluations


def _missing(found: Uphill, diagonal: bool) -> Missing:
    weights = np.exp(found.log_weights - np.max(found.log_weights))
    weights /= np.sum(weights)
    mean = weights @ found.draws
    centred = found.draws - mean
    if diagonal:
        return Missing(found.share, mean, np.sqrt(weights @ np.square(centred)))
    # R of a QR decomposition: a Cholesky factor without the square of the condition number.
    upper = np.linalg.qr(np.sqrt(weights)[:, None] * centred).R
    return Missing(found.share, mean, np.transpose(upper * np.sign(np.diag(upper))[:, None]))
