"""Measures of a fit and its diagnosis."""

from gmmvi_jax.evaluation.chains import ChainCheck, chain_check
from gmmvi_jax.evaluation.concerns import Concern
from gmmvi_jax.evaluation.coverage import detected_modes, entropic_mode_coverage
from gmmvi_jax.evaluation.diagnosis import Diagnosis, diagnose
from gmmvi_jax.evaluation.elbo import elbo
from gmmvi_jax.evaluation.forward import ForwardMetrics, forward_metrics, unseen_share
from gmmvi_jax.evaluation.importance import (
    Average,
    LogZ,
    average,
    log_z,
    reverse_effective_sample_size,
)
from gmmvi_jax.evaluation.improper import Improper, improper_direction
from gmmvi_jax.evaluation.log_ratios import log_ratios, log_ratios_at
from gmmvi_jax.evaluation.mmd import diagonal_bandwidths, median_bandwidth, mmd_squared
from gmmvi_jax.evaluation.modes import Modes, find_modes
from gmmvi_jax.evaluation.movement import mixture_divergence
from gmmvi_jax.evaluation.optimal_transport import sinkhorn_divergence, sliced_wasserstein
from gmmvi_jax.evaluation.overlooked import OverlookedPoints, archive_candidates, overlooked_points
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.evaluation.psis import describe_k_hat, k_hat_limit, psis
from gmmvi_jax.evaluation.refine import Refined
from gmmvi_jax.evaluation.solutions import Solution
from gmmvi_jax.evaluation.two_sample import TwoSampleTest, classifier_two_sample_test
from gmmvi_jax.evaluation.uphill import Uphill, mass_uphill
from gmmvi_jax.evaluation.weighted_draws import Expectation, WeightedDraws

__all__ = [
    "Average",
    "ChainCheck",
    "Concern",
    "Diagnosis",
    "Expectation",
    "ForwardMetrics",
    "Improper",
    "LogZ",
    "Modes",
    "OverlookedPoints",
    "Posterior",
    "Refined",
    "Solution",
    "TwoSampleTest",
    "Uphill",
    "WeightedDraws",
    "archive_candidates",
    "average",
    "chain_check",
    "classifier_two_sample_test",
    "describe_k_hat",
    "detected_modes",
    "diagnose",
    "diagonal_bandwidths",
    "elbo",
    "entropic_mode_coverage",
    "find_modes",
    "forward_metrics",
    "improper_direction",
    "k_hat_limit",
    "log_ratios",
    "log_ratios_at",
    "log_z",
    "mass_uphill",
    "median_bandwidth",
    "mixture_divergence",
    "mmd_squared",
    "overlooked_points",
    "psis",
    "reverse_effective_sample_size",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "unseen_share",
]
