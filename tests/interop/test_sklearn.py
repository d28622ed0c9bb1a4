"""Mixtures as fitted estimators of scikit-learn, and estimators as mixtures."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from gmmvi_jax.interop.sklearn import from_mixture, to_mixture
from tests.interop.mixtures import POINTS, assert_same, both_kinds, mixture


@both_kinds
def test_mixtures_become_estimators_and_come_back(kind):
    gmm = mixture(kind)
    estimator = to_mixture(gmm)
    assert np.allclose(estimator.score_samples(POINTS), gmm.log_prob(POINTS), rtol=1e-5)
    assert np.allclose(estimator.predict_proba(POINTS), gmm.responsibilities(POINTS), atol=1e-5)
    assert np.isfinite(estimator.bic(POINTS))  # counts parameters by the covariance type
    samples, components = estimator.sample(100)
    assert samples.shape == (100, 3)
    assert set(components) == {0, 1}
    assert_same(from_mixture(estimator), gmm)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_all_kinds_of_covariances_are_known(covariance_type):
    data = np.random.default_rng(1).normal(size=(200, 3)) * [1.0, 2.0, 3.0]
    estimator = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(data)
    gmm = from_mixture(estimator)
    assert gmm.is_diagonal == (covariance_type in ("diag", "spherical"))
    assert np.allclose(gmm.log_prob(POINTS), estimator.score_samples(POINTS), rtol=1e-4)


def test_other_estimators_are_named():
    with pytest.raises(NotFittedError):
        from_mixture(GaussianMixture(2))
    with pytest.raises(TypeError, match=r"got BayesianGaussianMixture; GMM\.from_moments"):
        from_mixture(BayesianGaussianMixture())
