"""Checks of the arguments of a ``LowRankGMM``."""

import numpy as np

from gmmvi_jax.gmm.checks import check_shape
from gmmvi_jax.requirements import is_traced, require
from gmmvi_jax.typing import Array


def check_parameters(weights: Array, means: Array, variances: Array, loadings: Array) -> None:
    """Raises a ValueError unless the arguments of ``LowRankGMM.from_moments`` are valid.

    Args:
        weights: [K].
        means: [K, D].
        variances: [K, D].
        loadings: [K, D, R].
    """
    check_shape("means", means, ("K", "D"))
    check_shape("weights", weights, means.shape[:1])
    check_shape("variances", variances, means.shape)
    check_shape("loadings", loadings, (*means.shape, "R"))
    rank, dim = loadings.shape[-1], means.shape[1]
    require(
        1 <= rank < dim,
        f"loadings must have from 1 to {dim - 1} columns in {dim} dimensions, got {rank}; "
        f"a GMM has full covariances.",
    )
    arrays = {"weights": weights, "means": means, "variances": variances, "loadings": loadings}
    if any(is_traced(array) for array in arrays.values()):
        return
    for name, array in arrays.items():
        require(bool(np.all(np.isfinite(array))), f"{name} must be finite, got {array}.")
    require(
        bool(np.all(np.asarray(weights) >= 0.0)) and bool(np.any(np.asarray(weights) > 0.0)),
        f"weights must not be negative, nor all 0, got {weights}.",
    )
    require(
        bool(np.all(np.asarray(variances) > 0.0)), f"variances must be positive, got {variances}."
    )
