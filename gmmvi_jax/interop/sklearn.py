"""Mixtures as estimators of scikit-learn, and back."""

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from gmmvi_jax.gmm import GMM
from gmmvi_jax.interop.arguments import require_gmm
from gmmvi_jax.packages import needed_by

with needed_by("interop.sklearn", "scikit-learn", "scikit-learn"):
    from sklearn.mixture import GaussianMixture
    from sklearn.utils.validation import check_is_fitted


def to_mixture(gmm: GMM) -> GaussianMixture:
    """Returns a mixture as a fitted ``GaussianMixture``, in float64.

    Its ``score_samples`` is ``gmm.log_prob``, ``predict_proba`` is ``gmm.responsibilities``.

    Args:
        gmm: with full or diagonal covariances.
    """
    gmm = require_gmm(gmm)
    means, factors = (np.asarray(array, np.float64) for array in (gmm.means, gmm.factors))
    weights = np.exp(np.asarray(gmm.log_weights, np.float64))
    if gmm.is_diagonal:
        covariances, precision_factors = np.square(factors), 1.0 / factors
        precisions = np.square(precision_factors)
    else:
        lower = np.tril(factors)
        own = np.eye(gmm.dim)
        covariances = lower @ lower.swapaxes(1, 2)
        # Upper ones, with precision = U U^T: scikit-learn's convention.
        precision_factors = np.stack([solve_triangular(one, own, lower=True).T for one in lower])
        precisions = precision_factors @ precision_factors.swapaxes(1, 2)
    estimator: Any = GaussianMixture(
        gmm.num_components, covariance_type="diag" if gmm.is_diagonal else "full"
    )
    estimator.weights_ = weights / weights.sum()  # float32 would not sum to 1 in float64
    estimator.means_ = means
    estimator.covariances_ = covariances
    estimator.precisions_cholesky_ = precision_factors
    estimator.precisions_ = precisions
    estimator.n_features_in_ = gmm.dim
    estimator.converged_ = True
    estimator.n_iter_ = 0
    return estimator


def from_mixture(estimator: Any) -> GMM:
    """Returns a fitted ``GaussianMixture`` as a ``GMM``.

    Args:
        estimator: with any ``covariance_type``. Of 'diag' and 'spherical' the result has diagonal
            covariances, of 'full' and 'tied' full ones.

    Raises:
        TypeError: it is another estimator.
        sklearn.exceptions.NotFittedError: it has not been fitted.
    """
    if not isinstance(estimator, GaussianMixture):
        raise TypeError(
            f"estimator must be a GaussianMixture of scikit-learn, got "
            f"{type(estimator).__name__}; GMM.from_moments(weights, means, covariances) takes the "
            f"moments of others."
        )
    check_is_fitted(estimator)
    means = np.asarray(estimator.means_)
    covariances = np.asarray(estimator.covariances_)
    count, dim = means.shape
    if estimator.covariance_type == "tied":
        covariances = np.broadcast_to(covariances, (count, dim, dim))
    elif estimator.covariance_type == "spherical":
        covariances = np.broadcast_to(covariances[:, None], (count, dim))
    return GMM.from_moments(np.asarray(estimator.weights_), means, covariances)
