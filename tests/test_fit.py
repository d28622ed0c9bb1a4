"""``fit``: without settings, through the door that users use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

CENTRES = jnp.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])
SMALL = {"max_components": 8, "verbose": False}


class ThreeModes:
    """Three Gaussians of equal weight, normalised: log Z = 0. It knows its dimensions."""

    dim, prior_scale = 2, 5.0

    def __call__(self, x):
        squares = jnp.sum((x - CENTRES) ** 2, axis=-1)
        return jax.nn.logsumexp(-0.5 * squares) - jnp.log(3 * 2 * jnp.pi)


three_modes = ThreeModes()  # the same for all tests: one program


def test_a_mixture_is_found_and_the_run_ends_by_itself(capsys):
    result = gmmvi.fit(three_modes, 2, prior_scale=5.0, max_components=8)
    shown = capsys.readouterr().err
    assert "climbs found 3 basins" in shown
    assert "of at most 8" in shown
    assert result.status is gmmvi.Status.CONVERGED
    assert result.history["elbo"][-1] == pytest.approx(0.0, abs=0.01)
    assert result.history["num_target_evaluations"][-1] < 3000
    assert len(result.modes().locations) == 3
    solutions = result.solutions()
    assert all(one.is_polished and one.num_evaluations < 50 for one in solutions)
    nearest = [np.min(np.abs(one.location - CENTRES).max(axis=1)) for one in solutions]
    np.testing.assert_allclose(nearest, np.zeros(3), atol=0.02)
    assert not result.diagnose().verdict.startswith("do not trust")


@pytest.mark.slow
def test_position_scale_and_evaluations_of_a_black_box():
    calls = []

    def value(position):
        calls.append(len(position["a"]))
        return -0.5 * (position["a"] - 300.0) ** 2 - 0.5 * np.sum(position["b"] ** 2, axis=1) / 1e-4

    def gradient(position):
        return {"a": 300.0 - position["a"], "b": -position["b"] / 1e-4}

    target = gmmvi.densities.black_box(value, gradient=gradient)
    example = {"a": 250.0, "b": np.zeros(1)}
    result = gmmvi.fit(target, example, **SMALL)
    last = {name: column[-1] for name, column in result.history.items()}
    assert last["num_target_evaluations"] + last["num_diagnostic_evaluations"] == sum(calls)
    assert result.status is gmmvi.Status.CONVERGED
    draws = result.sample(0, 4000)
    np.testing.assert_allclose(np.mean(draws["a"]), 300.0, atol=0.1)
    np.testing.assert_allclose(np.std(draws["b"]), 0.01, rtol=0.1)


def fit_two_modes_without_a_gradient():
    """Returns a fit that found both modes and counted every evaluation."""
    calls = []

    def value(points):
        calls.append(len(points))
        first, second = (np.sum((points - centre) ** 2, axis=1) for centre in (-8.0, 8.0))
        return np.logaddexp(np.log(0.7) - 0.5 * first, np.log(0.3) - 0.5 * second)

    result = gmmvi.fit(gmmvi.densities.black_box(value, dim=2), 2, prior_scale=10.0, **SMALL)
    last = {name: column[-1] for name, column in result.history.items()}
    assert last["num_target_evaluations"] + last["num_diagnostic_evaluations"] == sum(calls)
    assert result.status is gmmvi.Status.CONVERGED
    np.testing.assert_allclose(np.mean(result.sample(0, 4000)[:, 0] < 0.0), 0.7, atol=0.03)
    return result


@pytest.mark.slow
def test_separate_modes_are_found_without_a_gradient():
    assert fit_two_modes_without_a_gradient().gmm.means.dtype == jnp.float32


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_separate_modes_are_found_without_a_gradient_in_float64():
    assert fit_two_modes_without_a_gradient().gmm.means.dtype == jnp.float64


def test_a_target_that_knows_its_dimensions_needs_no_more_and_a_budget_is_kept():
    result = gmmvi.fit(three_modes, budget=1.2e3, **SMALL)
    assert result.config.dim == three_modes.dim
    assert result.config.algorithm.initial_mixture.prior_scale[0] == three_modes.prior_scale
    spent = [result.history[f"num_{kind}_evaluations"][-1] for kind in ("target", "diagnostic")]
    assert 600 < sum(spent) <= 1200
    assert result.status is gmmvi.Status.SPENT


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        ((), {}, TypeError, "number of dimensions"),
        ((2,), {"tolerance": -1.0}, ValueError, "tolerance"),
        ((2,), {"budget": 0}, ValueError, "budget"),
        ((2,), {"seconds": "long"}, (ValueError, TypeError), "seconds"),
        ((2,), {"verbose": 3}, (ValueError, TypeError), "verbose"),
        ((2,), {"seed": 0.5}, (ValueError, TypeError), "seed"),
        ((3,), {}, ValueError, "cannot be called with one point"),
    ],
)
def test_bad_arguments_are_refused(arguments, settings, error, message):
    plain = three_modes.__call__  # which does not know its dimensions
    with pytest.raises(error, match=message):
        gmmvi.fit(plain if arguments != (3,) else lambda x: x @ jnp.ones(2), *arguments, **settings)


def test_the_same_seed_gives_the_same_fit():
    first, second = (gmmvi.fit(three_modes, 2, seed=3, **SMALL) for _ in range(2))
    np.testing.assert_array_equal(first.gmm.means, second.gmm.means)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_in_double_precision():
    result = gmmvi.fit(lambda x: -0.5 * jnp.sum((x - 1e5) ** 2), 2, **SMALL)
    assert result.gmm.means.dtype == jnp.float64
    np.testing.assert_allclose(result.gmm.mean(), 1e5, atol=1e-3)


@pytest.mark.slow
def test_without_a_gradient_it_takes_steps_of_vips():
    target = gmmvi.densities.black_box(lambda points: -0.5 * np.sum(points**2, axis=1), 2)
    result = gmmvi.fit(target, **SMALL)
    assert result.status is gmmvi.Status.CONVERGED
    assert not result.config.algorithm.natural_gradient.uses_target_gradient
