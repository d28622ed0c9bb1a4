"""Models of PyMC as densities; skipped where PyMC is not installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import gmmvi_jax as gmmvi

from ..double_precision import enable_x64

pm = pytest.importorskip("pymc")
DATA = np.array([0.3, -0.4, 1.2, 0.8])


@pytest.fixture(autouse=True)
def double_precision():
    with enable_x64(True):
        yield
    jax.config.update("jax_enable_x64", False)  # PyMC enables it for the whole process


def two_variables():
    with pm.Model() as model:
        mu = pm.Normal("mu", 1.0, 2.0)
        tau = pm.HalfNormal("tau", 1.0)
        pm.Deterministic("ratio", mu / tau)
        pm.Normal("y", mu, tau, observed=DATA)
    return model


def test_the_density_is_that_of_the_model_in_free_coordinates():
    density = gmmvi.interop.pymc.from_model(two_variables())
    assert set(density.position) == {"mu", "tau_log__"}
    value = density({"mu": jnp.asarray(0.3), "tau_log__": jnp.asarray(-0.2)})
    tau = np.exp(-0.2)
    right = stats.norm.logpdf(0.3, 1.0, 2.0) + stats.halfnorm.logpdf(tau) - 0.2
    right += stats.norm.logpdf(DATA, 0.3, tau).sum()
    assert np.isclose(value, right, rtol=1e-4)
    draws = {"mu": jnp.array([0.3, 0.6]), "tau_log__": jnp.zeros(2)}
    variables = density.constrain(draws)
    assert set(variables) == {"mu", "tau", "ratio"}
    assert np.allclose(variables["ratio"], [0.3, 0.6])


def test_a_fit_of_a_model():
    density = gmmvi.interop.pymc.from_model(two_variables())
    result = gmmvi.fit(density, verbose=False)
    assert result.status == "converged"
    assert abs(float(density.constrain(result.sample(0, 4_000))["mu"].mean()) - 0.5) < 0.1


def test_discrete_variables_are_named():
    with pm.Model() as model:
        pm.Bernoulli("kind", 0.5)
    with pytest.raises(ValueError, match="kind is discrete"):
        gmmvi.interop.pymc.from_model(model)
