"""The modes of a mixture as solutions: polished on the density, with their own mixtures."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import full_density, is_stochastic
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.evaluation.modes import find_modes
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.base import part_of
from gmmvi_jax.lowrank.mixtures import gaussians_of
from gmmvi_jax.multistart.climb import climb
from gmmvi_jax.multistart.counted import counted_density
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require, require_number
from gmmvi_jax.typing import LogDensity, PRNGKey, PyTree

_NUM_DRAWS = 10_000  # of a solution's mixture, for its limits
_FAR = 3.0  # standard deviations of chi-squared: further off is another mode, or none


@dataclasses.dataclass(frozen=True)
class Solution:
    """A mode of the mixture and what it stands for.

    Attributes:
        mass: share of the mixture.
        location: position of the nearest local maximum of the density (of free coordinates), or of
            the mixture, if a climb from there leaves the mode.
        log_density: unnormalised log density of free coordinates there.
        is_polished: whether the climb ended in the mode.
        posterior: the mixture of the mode's components alone; its ``gmm`` has the covariance.
        lower: position of the 2.5 % quantiles of ``posterior``, number by number.
        upper: position of the 97.5 % quantiles.
        num_evaluations: of the density, that the climb took; one with its gradient counts as one.
    """

    mass: float
    location: PyTree
    log_density: float
    is_polished: bool
    posterior: Posterior
    lower: PyTree
    upper: PyTree
    num_evaluations: int

    @property
    def covariance(self) -> np.ndarray:
        """The covariance [D, D] of the mode's components, of free coordinates."""
        return np.asarray(gaussians_of(self.posterior.gmm).covariance())


@own_errors()
def find_solutions(
    posterior: Posterior,
    log_target: LogDensity,
    rng_key: PRNGKey | int,
    *,
    min_mass: float,
    min_dip: float,
) -> list[Solution]:
    """Returns the modes that have some mass, the heaviest first; see ``TrainResult.solutions``.

    Args:
        posterior: the mixture.
        log_target: log density of free coordinates.
        rng_key: of the draws for the limits.
        min_mass: least mass of a mode.
        min_dip: nats between two modes.

    Raises:
        ValueError: the density is stochastic, and has no ``full``.
    """
    require_number("min_mass", min_mass)
    require(np.ndim(min_mass) == 0, f"min_mass must be a single number, got {min_mass!r}.")
    if is_stochastic(full_density(log_target)):
        raise ValueError(
            "the log density is stochastic: there is no climbing to its maxima. modes() has those "
            "of the mixture."
        )
    log_target = as_log_density(log_target)
    modes = find_modes(posterior.gmm, min_dip)
    keys = jax.random.split(typed_key(rng_key), len(modes.masses))
    found = []
    for index in np.flatnonzero(modes.masses >= min_mass):
        own = part_of(posterior.gmm, modes.components == index)
        end = _polished(own, log_target, np.asarray(modes.locations[index], float))
        alone = Posterior(own, posterior.layout)
        draws = alone.sample(keys[index], _NUM_DRAWS)
        lower, upper = (
            jax.tree.map(lambda leaf, q=share: np.quantile(leaf, q, axis=0), draws)
            for share in (0.025, 0.975)
        )
        location = jax.tree.map(np.asarray, posterior.position(end.point.astype(own.means.dtype)))
        found.append(
            Solution(
                mass=float(modes.masses[index]),
                location=location,
                log_density=end.log_density,
                is_polished=end.is_polished,
                posterior=alone,
                lower=lower,
                upper=upper,
                num_evaluations=end.num_evaluations,
            )
        )
    return found


class _End(NamedTuple):
    point: np.ndarray  # [D]
    log_density: float
    is_polished: bool
    num_evaluations: int


def _polished(gmm: GMM, log_target: LogDensity, location: np.ndarray) -> _End:
    """Returns where a climb on the density ends, if that is within the mixture of the mode."""
    scale = np.sqrt(np.diag(np.asarray(gaussians_of(gmm).covariance(), float)))
    density = counted_density(log_target, location, scale)
    summit = climb(density, np.zeros_like(location), lambda point, value: False)
    if summit is not None:
        point = location + scale * summit.point
        if _squared_distance(gmm, point - location) < len(point) + _FAR * np.sqrt(2 * len(point)):
            return _End(point, summit.value, True, density.num_evaluations)
    value = density.value(np.zeros_like(location))
    return _End(location, value, False, density.num_evaluations)


def _squared_distance(gmm: GMM, offset: np.ndarray) -> float:
    """Returns the squared Mahalanobis length of an offset [D], under the mixture's covariance."""
    return float(
        offset @ np.linalg.solve(np.asarray(gaussians_of(gmm).covariance(), float), offset)
    )
