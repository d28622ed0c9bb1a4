"""Mixtures that go through the doors of other packages and back."""

import numpy as np
import pytest

import gmmvi_jax as gmmvi

WEIGHTS = [0.3, 0.7]
MEANS = [[0.0, 1.0, -1.0], [2.0, -1.0, 0.5]]
VARIANCES = [[1.0, 2.0, 0.5], [0.7, 0.2, 3.0]]
FACTOR = np.array([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.1, 0.7]])
POINTS = np.random.default_rng(0).normal(scale=2.0, size=(5, 3)).astype(np.float32)

both_kinds = pytest.mark.parametrize("kind", ["full", "diagonal"])


def mixture(kind):
    """Returns a mixture of two Gaussians in three dimensions."""
    full = [FACTOR @ FACTOR.T, np.diag(VARIANCES[1])]
    return gmmvi.GMM.from_moments(WEIGHTS, MEANS, VARIANCES if kind == "diagonal" else full)


def assert_same(found, gmm):
    """Asserts that two mixtures have the same kind and moments."""
    assert found.is_diagonal == gmm.is_diagonal
    assert np.allclose(found.weights, gmm.weights, rtol=1e-5)
    assert np.allclose(found.means, gmm.means, rtol=1e-5)
    assert np.allclose(found.covariances, gmm.covariances, rtol=1e-5, atol=1e-6)
