"""How good a fit is."""

from gmmvi_jax.evaluation.coverage import detected_modes, entropic_mode_coverage
from gmmvi_jax.evaluation.diagnosis import Concern, Diagnosis, diagnose
from gmmvi_jax.evaluation.elbo import elbo
from gmmvi_jax.evaluation.forward import ForwardMetrics, forward_metrics, unseen_share
from gmmvi_jax.evaluation.importance import (
    Average,
    LogZ,
    average,
    log_z,
    reverse_effective_sample_size,
)
from gmmvi_jax.evaluation.log_ratios import log_ratios, log_ratios_at
from gmmvi_jax.evaluation.mmd import diagonal_bandwidths, median_bandwidth, mmd_squared
from gmmvi_jax.evaluation.modes import Modes, find_modes
from gmmvi_jax.evaluation.optimal_transport import sinkhorn_divergence, sliced_wasserstein
from gmmvi_jax.evaluation.psis import describe_k_hat, k_hat_limit, psis
from gmmvi_jax.evaluation.two_sample import TwoSampleTest, classifier_two_sample_test

__all__ = [
    "Average",
    "Concern",
    "Diagnosis",
    "ForwardMetrics",
    "LogZ",
    "Modes",
    "TwoSampleTest",
    "average",
    "classifier_two_sample_test",
    "describe_k_hat",
    "detected_modes",
    "diagnose",
    "diagonal_bandwidths",
    "elbo",
    "entropic_mode_coverage",
    "find_modes",
    "forward_metrics",
    "k_hat_limit",
    "log_ratios",
    "log_ratios_at",
    "log_z",
    "median_bandwidth",
    "mmd_squared",
    "psis",
    "reverse_effective_sample_size",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "unseen_share",
]
