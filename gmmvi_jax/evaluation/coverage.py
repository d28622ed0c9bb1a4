"""Measures of how many of the target's known modes a mixture covers."""

import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.requirements import require_rows

MIN_WEIGHT = 1e-3  # our own: components of negligible weight do not count
_RADIUS = 6.0  # of the study, in standard deviations per root dimension
_BLOCK_ROWS = 1024


def detected_modes(gmm: GMM, modes: ArrayLike) -> int:
    """Returns how many modes have a component within 6 sqrt(D) that weighs over 1e-3.

    Source: Arenz et al., "A Unified Perspective on Natural Gradient Variational Inference with
    Gaussian Mixture Models", TMLR 2023 (the distance; they require no weight).

    Args:
        gmm: the mixture.
        modes: [M, D] of the target; for mixtures, the means of its components.
    """
    require_gmm("gmm", gmm)
    modes = require_rows("modes", modes, gmm.dim)
    heavy = np.asarray(gmm.means)[np.asarray(gmm.weights) > MIN_WEIGHT]
    distances = np.linalg.norm(heavy[None] - modes[:, None], axis=-1)
    return int(np.sum(distances.min(axis=1, initial=np.inf) <= _RADIUS * np.sqrt(modes.shape[1])))


def entropic_mode_coverage(samples: ArrayLike, modes: ArrayLike) -> float:
    """Returns the entropy of the samples' nearest modes, divided by its maximum log M.

    1 if all modes have the same share of the samples, 0 if one has all. Meant for targets with
    modes of equal weight.

    Source: Blessing et al., "Beyond ELBOs: a large-scale evaluation of variational methods for
    sampling", ICML 2024; a sample's mode is the nearest one.

    Args:
        samples: [N, D] of the mixture.
        modes: [M, D] of the target, at least 2.
    """
    samples = require_rows("samples", samples)
    modes = require_rows("modes", modes, samples.shape[1])
    if len(modes) < 2:
        raise ValueError(f"modes has {len(modes)} row; coverage needs at least 2.")
    counts = np.zeros(len(modes))
    for start in range(0, len(samples), _BLOCK_ROWS):
        offsets = samples[start : start + _BLOCK_ROWS, None] - modes
        nearest = np.argmin(np.sum(np.square(offsets), axis=-1), axis=1)
        counts += np.bincount(nearest, minlength=len(modes))
    shares = counts[counts > 0.0] / counts.sum()
    return float(-np.sum(shares * np.log(shares)) / np.log(len(modes)))
