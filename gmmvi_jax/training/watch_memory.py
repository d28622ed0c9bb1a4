"""What the watch over a run must know to go on in another process."""

from typing import NamedTuple

import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.evaluation.on_host import host_arrays
from gmmvi_jax.evaluation.rounding import ROUNDING_LIMITS
from gmmvi_jax.gmm import GMM

_SUSPICIOUS_SPREAD = 100.0  # width, in initial scales, beyond which the target is examined


class WatchMemory(NamedTuple):
    """What a watch must know to go on in another process.

    Attributes:
        centre: [D] of the initial mixture.
        scale: [D] its standard deviations.
        largest_spread: of the mixture, in these, that was examined.
        largest_spacing: of numbers at the size of the target's values, that was examined.
        told: names of the faults that a warning was about.
    """

    centre: np.ndarray
    scale: np.ndarray
    largest_spread: float
    largest_spacing: float = ROUNDING_LIMITS[0]
    told: tuple[str, ...] = ()


def first_memory(config: Config, initial: GMM | None) -> WatchMemory:
    """Returns centre and standard deviations of the initial mixture.

    A mixture to start from may sit in a narrow part of the target, as the highest point of a
    funnel; then the prior's scale is what growth is measured by.
    """
    start = config.algorithm.initial_mixture
    variance = np.asarray(start.initial_variance, float)
    if initial is not None:
        centre = np.exp(np.asarray(initial.log_weights, float)) @ np.asarray(initial.means, float)
        variance = np.maximum(mean_squares(initial, centre), variance)
        return WatchMemory(centre, np.sqrt(variance), _SUSPICIOUS_SPREAD)
    if start.num_components > 1:
        variance = variance + np.square(np.asarray(start.prior_scale, float))
    mean = np.asarray(start.prior_mean, float)
    return WatchMemory(mean, np.sqrt(variance), _SUSPICIOUS_SPREAD)


def mean_squares(gmm: GMM, centre: np.ndarray) -> np.ndarray:
    """Returns [D] the mixture's expectation of (x - centre)^2."""
    weights, means, roots = host_arrays(gmm)
    return weights @ (np.square(means - centre) + roots.variances())
