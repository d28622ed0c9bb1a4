"""Densities of hundreds to two thousand dimensions, with and without a few correlations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax.targets.lgcp import lgcp
from gmmvi_jax.targets.network_classification import digits


def factor_model() -> Any:
    """Returns a normalised Gaussian in 500-D: five factors, and variances of their own."""
    rng = np.random.default_rng(0)
    loadings = np.sqrt(2.0) * rng.normal(size=(1, 500, 5))
    variances = np.exp(rng.normal(size=(1, 500)))
    target = gmmvi.LowRankGMM.from_moments([1.0], rng.normal(size=(1, 500)), variances, loadings)
    return target.log_prob


def power_law() -> Callable[[jax.Array], jax.Array]:
    """Returns a normalised Gaussian in 500-D whose i-th largest variance is 100 / i^1.5 + 0.1."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(500, 500)))[0]
    variances = 100.0 / np.arange(1, 501) ** 1.5 + 0.1
    precision = jnp.asarray((axes / variances) @ axes.T, jnp.float32)
    offset = -0.5 * (np.sum(np.log(variances)) + 500 * np.log(2.0 * np.pi))
    return lambda x: offset - 0.5 * x @ jnp.matmul(precision, x, precision="highest")


# Name -> dimensions, standard deviation to start with, the density.
DENSITIES: dict[str, tuple[int, float, Callable[[], Any]]] = {
    "factors_500": (500, 3.0, factor_model),
    "power_law_500": (500, 3.0, power_law),
    "lgcp_1024": (1024, 1.0, lambda: lgcp(32)),
    "digits_1960": (1960, 0.1, lambda: digits(26)),
}
