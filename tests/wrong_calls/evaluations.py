"""Measures of a fit, and what its mixture is good for."""

from typing import Any

import numpy as np

from gmmvi_jax import evaluation

from .call import Call, reached
from .examples import MIXTURE, POINTS, RATIOS, STATE

SHARED: dict[str, Any] = dict(gmm=MIXTURE, log_target=reached, rng_key=0)

CALLS: dict[str, Call] = {
    "evaluation.Posterior": Call(evaluation.Posterior, dict(gmm=MIXTURE, layout=None)),
    "posterior.conditional": Call(evaluation.Posterior(MIXTURE).conditional, dict(values={})),
    "posterior.sample": Call(evaluation.Posterior(MIXTURE).sample, dict(rng_key=0, num_samples=3)),
    "posterior.log_prob": Call(evaluation.Posterior(MIXTURE).log_prob, dict(position=POINTS)),
    "posterior.modes": Call(evaluation.Posterior(MIXTURE).modes, dict(min_dip=0.4)),
    "posterior.values": Call(evaluation.Posterior(MIXTURE).values, dict(points=POINTS)),
    "posterior.position": Call(evaluation.Posterior(MIXTURE).position, dict(points=POINTS)),
    "evaluation.average": Call(evaluation.average, dict(log_ratios=RATIOS)),
    "evaluation.log_z": Call(evaluation.log_z, dict(log_ratios=RATIOS)),
    "evaluation.psis": Call(evaluation.psis, dict(log_ratios=RATIOS)),
    "evaluation.reverse_effective_sample_size": Call(
        evaluation.reverse_effective_sample_size, dict(log_ratios=RATIOS)
    ),
    "evaluation.forward_metrics": Call(
        evaluation.forward_metrics, dict(log_ratios=RATIOS, log_z=0.0)
    ),
    "evaluation.unseen_share": Call(
        evaluation.unseen_share, dict(reference_ratios=RATIOS, own_ratios=RATIOS)
    ),
    "evaluation.k_hat_limit": Call(evaluation.k_hat_limit, dict(num_samples=100)),
    "evaluation.describe_k_hat": Call(evaluation.describe_k_hat, dict(k_hat=0.5, num_samples=100)),
    "evaluation.elbo": Call(evaluation.elbo, SHARED | dict(num_samples=100, temperature=1.0)),
    "evaluation.log_ratios": Call(
        evaluation.log_ratios, SHARED | dict(num_samples=100, temperature=1.0)
    ),
    "evaluation.log_ratios_at": Call(
        evaluation.log_ratios_at, dict(gmm=MIXTURE, log_target=reached, samples=POINTS)
    ),
    "evaluation.diagnose": Call(
        evaluation.diagnose,
        SHARED
        | dict(
            num_samples=100,
            reference_samples=None,
            temperature=1.0,
            candidates=POINTS,
            centre=np.zeros(2),
            names=["a", "b"],
            mcmc_steps=0,
        ),
    ),
    "evaluation.chain_check": Call(
        evaluation.chain_check,
        SHARED | dict(num_steps=3, num_chains=5, highest=0.0, temperature=1.0),
    ),
    "evaluation.mass_uphill": Call(
        evaluation.mass_uphill, SHARED | dict(own_ratios=RATIOS, temperature=1.0)
    ),
    "evaluation.overlooked_points": Call(
        evaluation.overlooked_points,
        SHARED | dict(own_ratios=RATIOS, candidates=POINTS, temperature=1.0),
    ),
    "evaluation.improper_direction": Call(
        evaluation.improper_direction, dict(log_target=reached, gmm=MIXTURE, centre=np.zeros(2))
    ),
    "evaluation.find_modes": Call(evaluation.find_modes, dict(gmm=MIXTURE, min_dip=0.4)),
    "evaluation.detected_modes": Call(evaluation.detected_modes, dict(gmm=MIXTURE, modes=POINTS)),
    "evaluation.entropic_mode_coverage": Call(
        evaluation.entropic_mode_coverage, dict(samples=POINTS, modes=POINTS)
    ),
    "evaluation.mixture_divergence": Call(
        evaluation.mixture_divergence, dict(gmm=MIXTURE, other=MIXTURE, rng_key=0, num_samples=30)
    ),
    "evaluation.classifier_two_sample_test": Call(
        evaluation.classifier_two_sample_test,
        dict(samples=POINTS, reference=POINTS, rng_key=0, num_folds=5, num_hidden=3, num_steps=1),
    ),
    "evaluation.mmd_squared": Call(
        evaluation.mmd_squared, dict(samples=POINTS, reference=POINTS, bandwidths=1.0)
    ),
    "evaluation.diagonal_bandwidths": Call(
        evaluation.diagonal_bandwidths, dict(reference=POINTS, scale=1.0)
    ),
    "evaluation.median_bandwidth": Call(evaluation.median_bandwidth, dict(reference=POINTS)),
    "evaluation.sinkhorn_divergence": Call(
        evaluation.sinkhorn_divergence, dict(samples=POINTS, reference=POINTS)
    ),
    "evaluation.sliced_wasserstein": Call(
        evaluation.sliced_wasserstein,
        dict(samples=POINTS, reference=POINTS, rng_key=0, num_directions=3),
    ),
    "evaluation.archive_candidates": Call(
        evaluation.archive_candidates, dict(archive=STATE.database.archive, gmm=MIXTURE, count=3)
    ),
}
