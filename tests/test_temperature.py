"""The optimum under a temperature beta, whatever moves the components and the weights.

A target of far apart Gaussians N(m_o, C_o) of weights w_o: the best mixture at beta has a
component N(m_o, beta C_o) for each, and pi_o ~ w_o^(1/beta) |C_o|^((1 - 1/beta) / 2), the mass of
p^(1/beta) around m_o.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

MEANS = np.array([[-20.0, 5.0], [30.0, -10.0]])
COVARIANCES = np.array([[[2.0, 0.6], [0.6, 1.0]], [[0.5, -0.2], [-0.2, 0.3]]])
WEIGHTS = np.array([0.3, 0.7])
OFFSETS = np.array([[0.5, -0.3], [-0.2, 0.4]])  # of the start


def two_gaussians(x: Any) -> Any:
    offsets = x - jnp.asarray(MEANS, x.dtype)
    precisions = jnp.asarray(np.linalg.inv(COVARIANCES), x.dtype)
    distances = jnp.einsum("oi,oij,oj->o", offsets, precisions, offsets)
    log_scales = np.log(WEIGHTS) - 0.5 * np.linalg.slogdet(COVARIANCES)[1]
    return jax.nn.logsumexp(jnp.asarray(log_scales, x.dtype) - 0.5 * distances)


def displaced_start() -> gmmvi.GMM:
    """A component somewhat off each mode, of another shape, with the wrong weights."""
    return gmmvi.GMM(
        log_weights=jnp.log(jnp.array([0.5, 0.5])),
        means=jnp.asarray(MEANS + OFFSETS, float),
        factors=jnp.tile(jnp.eye(2), (2, 1, 1)),
    )


# Under T the stepsizes bound a KL, and full steps are taken; else they are rates, and eps * beta is
# what a quadratic is contracted by.
VARIANTS = {"SEMTFOX": 1e3, "SEMYFUX": 0.5, "SEMIFUX": 0.5}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "codename",
    ["SEMTFOX", "SEMIFUX", pytest.param("SEMYFUX", marks=pytest.mark.slow)],
)
def test_components_and_weights_find_the_optimum_at_every_temperature(codename: str) -> None:
    one_step = jax.jit(gmmvi.step, static_argnums=1)
    for temperature in (0.5, 1.0, 1.7):  # data: one compilation
        algorithm = gmmvi.from_codename(
            codename,
            2,
            num_initial_components=2,
            desired_samples=50,
            initial_component_stepsize=VARIANTS[codename],
            initial_weight_stepsize=VARIANTS[codename],
            temperature=temperature,
        ).algorithm
        state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0), displaced_start())
        for _ in range(60):
            state, _ = one_step(algorithm, two_gaussians, state)
        found = state.gmm()
        np.testing.assert_allclose(found.means, MEANS, rtol=1e-5)
        np.testing.assert_allclose(found.covariances, temperature * COVARIANCES, rtol=1e-4)
        volumes = np.sqrt(np.linalg.det(COVARIANCES)) ** (1.0 - 1.0 / temperature)
        masses = WEIGHTS ** (1.0 / temperature) * volumes
        np.testing.assert_allclose(np.exp(found.log_weights), masses / masses.sum(), rtol=1e-5)
