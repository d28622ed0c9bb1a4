"""Models of Stan, by a stand-in for BridgeStan, which needs a C++ compiler."""

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.interop import stan


class ExponentialModel:
    """tau ~ exponential(2) with its change of variables, as BridgeStan would evaluate it."""

    def __init__(self):
        self.calls = 0

    def param_unc_num(self):
        return 1

    def param_names(self, *, include_tp=False, include_gq=False):
        return ["tau", "half"] if include_tp else ["tau"]

    def param_constrain(self, theta_unc, /, *, include_tp=False):
        tau = np.exp(theta_unc[0])
        return np.array([tau, 0.5 * tau]) if include_tp else np.array([tau])

    def log_density_gradient(self, theta_unc, /, *, propto, jacobian):
        assert theta_unc.dtype == np.float64
        assert jacobian
        self.calls += 1
        if theta_unc[0] > 80.0:
            raise RuntimeError("rejected")
        tau = np.exp(theta_unc[0])
        constant = 0.0 if propto else np.log(2.0)
        return constant - 2.0 * tau + theta_unc[0], np.array([1.0 - 2.0 * tau])


def test_values_and_gradients_come_from_one_evaluation():
    model = ExponentialModel()
    density = stan.from_model(model)
    value, gradient = density.value_and_grad(jnp.array([0.5]))
    assert np.isclose(value, np.log(2.0) - 2.0 * np.exp(0.5) + 0.5, rtol=1e-5)
    assert np.isclose(gradient[0], 1.0 - 2.0 * np.exp(0.5), rtol=1e-5)
    assert model.calls == 1
    assert np.isneginf(density(jnp.array([90.0])))
    without = stan.from_model(model, propto=True)(jnp.array([0.5]))
    assert np.isclose(value - without, np.log(2.0), rtol=1e-4)


@pytest.mark.slow
def test_a_fit_has_the_parameters_of_the_model():
    model = ExponentialModel()
    result = gmmvi.fit(stan.from_model(model), verbose=False)
    draws = stan.constrain(model, result.sample(0, 20_000))
    assert abs(draws["tau"].mean() - 0.5) < 0.02
    assert np.allclose(draws["half"], 0.5 * draws["tau"])
    spent = result.history["num_target_evaluations"][-1]
    spent += result.history["num_diagnostic_evaluations"][-1]
    assert model.calls <= 1.1 * spent + 100  # the search counts values and gradients as one
