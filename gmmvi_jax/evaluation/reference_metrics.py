"""Measures of a fit from samples of the target, if there are any."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.evaluation.fit import Fit
from gmmvi_jax.evaluation.forward import ForwardMetrics, forward_metrics, unseen_share
from gmmvi_jax.evaluation.log_ratios import log_ratios_at
from gmmvi_jax.evaluation.mmd import median_bandwidth, mmd_squared
from gmmvi_jax.evaluation.psis import MIN_SAMPLES, psis
from gmmvi_jax.typing import PRNGKey

NUM_REFERENCE_SAMPLES = 2000  # drawn from targets that can be sampled; others store as many


@dataclasses.dataclass(frozen=True)
class ReferenceMetrics:
    """Measures of a fit from samples of the target.

    Attributes:
        num_samples: number of samples of the target.
        num_without_density: samples at which the target is -inf, NaN or +inf.
        forward: EUBO, forward KL and effective fraction.
        k_hat: of the weights p~ / q at the target's samples.
        unseen: share of these samples with a weight above all of the mixture's own draws.
        mmd_squared: to the same number of draws of the mixture, with the median heuristic.
    """

    num_samples: int
    num_without_density: int
    forward: ForwardMetrics
    k_hat: float
    unseen: float
    mmd_squared: float


def compare_to_reference(
    fit: Fit, samples: ArrayLike | None, keys: Sequence[PRNGKey]
) -> tuple[float | None, ReferenceMetrics | None]:
    """Returns the known log Z, and measures from samples of the target; None if there are none.

    Args:
        fit: the fit.
        samples: [N, D] of the target; by default those that the target draws or stores.
        keys: three, to sample the target, to evaluate it, and to sample the mixture.

    Raises:
        ValueError: there are samples, but too few of them.
    """
    target, known_log_z = fit.target, None
    key_reference, key_target, key_mixture = keys
    if fit.temperature == 1.0:  # the known log Z and samples are those of p
        solved = all(hasattr(target, name) for name in ("log_z", "modes", "sample"))
        known_log_z = float(target.log_z) if solved else None
        if samples is None and solved:
            samples = target.sample(key_reference, NUM_REFERENCE_SAMPLES)
        elif samples is None:
            samples = getattr(target, "reference_samples", None)
    if samples is None:
        return known_log_z, None
    ratios = log_ratios_at(fit.gmm, target, samples, key_target, temperature=fit.temperature)
    samples = np.asarray(samples)
    if len(samples) < MIN_SAMPLES:
        raise ValueError(f"reference_samples has {len(samples)} rows; give at least {MIN_SAMPLES}.")
    draws = np.asarray(fit.gmm.sample(key_mixture, len(samples)))
    return known_log_z, ReferenceMetrics(
        num_samples=len(samples),
        num_without_density=int(np.sum(~np.isfinite(np.asarray(ratios)))),
        forward=forward_metrics(ratios, known_log_z),
        k_hat=float(psis(ratios)[1]),
        unseen=float(unseen_share(ratios, fit.own_ratios)),
        mmd_squared=float(mmd_squared(draws, samples, median_bandwidth(samples))),
    )
