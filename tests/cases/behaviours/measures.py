"""Measures at the edge: a weight of 0, equal ratios, ratios of -inf."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import psis
from gmmvi_jax.evaluation.psis import describe_k_hat

from ..behaviour import Behaviour, Check


def _gradients() -> Iterator[Check]:
    means, variances = jnp.array([[0.0, 0.0], [2.0, 0.0]]), jnp.ones((2, 2))
    point = jnp.array([1.0, 0.5])

    def by_weights(weights: jax.Array) -> jax.Array:
        return GMM.from_moments(weights, means, variances).log_prob(point)

    def by_log_weights(log_weights: jax.Array) -> jax.Array:
        return GMM(log_weights, means, variances).log_prob(point)

    found = np.asarray(jax.grad(by_weights)(jnp.array([1.0, 0.0])))
    yield Check("in the weights (1, 0): finite", str(found), bool(np.all(np.isfinite(found))))
    found = np.asarray(jax.grad(by_log_weights)(jnp.array([0.0, -jnp.inf])))
    right = bool(np.allclose(found, [1.0, 0.0]))
    yield Check("in the log weights (0, -inf): (1, 0)", str(found), right)


def _psis() -> Iterator[Check]:
    half = jnp.where(jnp.arange(1000) % 2 == 0, 3.0, -jnp.inf)
    log_weights, k_hat = psis(half)
    weights = np.exp(np.asarray(log_weights))
    uniform = np.allclose(weights, np.where(np.arange(1000) % 2 == 0, 1 / 500, 0.0), rtol=1e-4)
    yield Check("equal ratios, half of them -inf: uniform weights", str(weights[:4]), uniform)
    words = describe_k_hat(float(k_hat), 1000)
    yield Check("which are not a fault", f"k-hat {float(k_hat)}: {words}", words.startswith("good"))
    weights = np.exp(np.asarray(psis(jnp.full(1000, -jnp.inf))[0]))
    yield Check("all -inf: weights of 0", str(weights[:4]), bool(np.all(weights == 0.0)))


ROWS = (
    Behaviour("gradient_in_a_zero_weight", _gradients),
    Behaviour("psis_of_equal_ratios", _psis),
)
