"""Fits with covariances of low rank plus diagonal, through the doors that users use."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.gmm.splitting import split
from gmmvi_jax.multistart import wide_start

DIM, RANK = 40, 4


def correlated(x: jax.Array) -> jax.Array:
    """Returns the log density of a Gaussian with three strong correlations, normalised."""
    return TARGET.log_prob(x)


def make_target() -> gmmvi.LowRankGMM:
    generator = np.random.default_rng(0)
    loadings = 2.0 * generator.normal(size=(1, DIM, 3))
    variances, means = np.exp(generator.normal(size=(1, DIM))), generator.normal(size=(1, DIM))
    return gmmvi.LowRankGMM.from_moments([1.0], means, variances, loadings)


TARGET = make_target()


def make_config(codename: str = "SAMTRON", **settings: Any) -> gmmvi.Config:
    common: dict[str, Any] = {
        "rank": RANK,
        "num_iterations": 100,
        "log_every": 25,
        "max_components": 2,
        "prior_scale": 3.0,
    }
    return gmmvi.from_codename(codename, DIM, **(common | settings))


def test_correlations_in_many_dimensions_are_met(tmp_path):
    directory = tmp_path / "run"
    config = make_config(reuse_ratio=1.0, add_iters=20)
    result = gmmvi.train(config, correlated, checkpoint=directory)
    assert isinstance(result.gmm, gmmvi.LowRankGMM)
    assert result.gmm.rank == RANK
    assert abs(result.history["elbo"][-1]) < 0.05
    assert "rank-4 covariances" in result.summary()
    heaviest = int(np.argmax(result.gmm.log_weights))
    deviations = np.sqrt(TARGET.variances[0])
    error = (result.gmm.covariances[heaviest] - TARGET.covariances[0]) / np.outer(
        deviations, deviations
    )
    assert np.max(np.abs(error)) < 0.2
    diagnosis = result.diagnose()
    assert diagnosis.k_hat < 0.7
    # What is on the disk is the same, and goes on.
    loaded = gmmvi.load(directory)
    for ours, theirs in zip(jax.tree.leaves(result.gmm), jax.tree.leaves(loaded.gmm), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    longer = gmmvi.train(config.replace(num_iterations=125), correlated, resume=directory)
    assert longer.history["iteration"].tolist() == [25, 50, 75, 100, 125]
    again = gmmvi.train(config.replace(num_iterations=25), correlated, initial=result.gmm)
    assert abs(again.history["elbo"][-1]) < 0.1


def test_in_double_precision_it_stays_double(float64):
    target = make_target()
    result = gmmvi.fit(target.log_prob, DIM, rank=RANK, prior_scale=3.0, verbose=False)
    assert {leaf.dtype for leaf in jax.tree.leaves(result.gmm)} == {jnp.dtype(jnp.float64)}
    assert abs(result.history["elbo"][-1]) < 0.05


def test_fit_starts_with_one_climb_and_converges():
    result = gmmvi.fit(correlated, DIM, rank=RANK, budget=20_000, max_components=3, verbose=False)
    assert str(result.status) == "converged"
    assert isinstance(result.gmm, gmmvi.LowRankGMM)
    assert abs(result.history["elbo"][-1]) < 0.05


def test_the_start_of_a_fit_is_on_the_summit_and_as_wide_as_its_curvature_says():
    deviations = np.linspace(0.1, 0.3, DIM)

    def narrow(x):
        return -0.5 * jnp.sum(jnp.square((x - 1.0) / deviations))

    target = as_log_density(narrow)
    zeros, scales = np.zeros(DIM), np.full(DIM, 2.0)
    start = wide_start(target, zeros, scales, 0, max_evaluations=1000)
    assert start.gmm is not None
    np.testing.assert_allclose(start.gmm.means[0], 1.0, atol=0.02)
    # A diagonal Hessian has no noise in Hutchinson's estimate.
    expected = 1.0 / np.sqrt(np.mean(deviations**-2.0))
    np.testing.assert_allclose(start.gmm.factors[0], expected, rtol=1e-2)


def test_components_of_low_rank_are_split():
    whole: Any = TARGET
    parts: Any = split(whole, 4, np.random.default_rng(0))
    assert isinstance(parts, gmmvi.LowRankGMM)
    assert parts.num_components == 4
    np.testing.assert_allclose(np.sum(parts.weights), 1.0, rtol=1e-5)
    assert np.all(np.isfinite(parts.log_prob(np.asarray(TARGET.means))))


def test_a_diagonal_mixture_lacks_what_correlations_give():
    settings = {"rank": None, "diagonal": True}
    result = gmmvi.train(make_config(**settings), correlated)
    assert result.history["elbo"][-1] < -3.0


def test_the_direct_step_and_samples_of_the_mixture():
    config = make_config("SEPIFUX", initial_component_stepsize=0.2, num_initial_components=1)
    result = gmmvi.train(config, correlated)
    assert abs(result.history["elbo"][-1]) < 0.3
    assert result.history["num_rejected_updates"].sum() <= 2  # the first steps are long


def test_an_edge_of_the_support_is_kept():
    def half(x):
        return jnp.where(x[0] > 0.0, -0.5 * jnp.sum(jnp.square(x)), -jnp.inf)

    settings: dict[str, Any] = {"max_components": 1, "prior_mean": 1.0, "prior_scale": 1.0}
    result = gmmvi.train(make_config("SEMTRON", **settings), half)
    draws = np.asarray(result.gmm.sample(0, 2000))
    assert np.mean(draws[:, 0] < 0.0) < 0.1


def test_a_step_holds_no_matrix_of_all_dimensions():
    dim = 300
    config = gmmvi.samtron(dim, rank=5, max_components=2)
    state = gmmvi.init(config.algorithm, 0)
    step = jax.jit(lambda state: gmmvi.step(config.algorithm, lambda x: -jnp.sum(x**2), state))
    text = step.lower(state).compile().as_text()
    assert text is not None
    assert f"[{dim},{dim}]" not in text
    assert f",{dim},{dim}]" not in text


@pytest.mark.parametrize(
    ("codename", "settings", "match"),
    [
        ("ZAMTRON", {}, "MORE"),
        ("SEPYFUX", {}, "iBLR"),
        ("SAMTRON", {"diagonal": True}, "diagonal"),
        ("SAMTRON", {"components": "student_t"}, "student_t"),
        ("SAMTRON", {"self_normalized_gradients": False}, "self_normalized_gradients"),
        ("SAMTRON", {"average_iterates": True}, "average_iterates"),
        ("SAMTRON", {"rank": DIM}, "rank"),
        ("SAMTRON", {"rank": 0}, "rank"),
    ],
)
def test_what_does_not_go_with_a_rank_is_named(codename, settings, match):
    with pytest.raises(ValueError, match=match):
        make_config(codename, **settings)


def test_a_mixture_of_another_rank_is_refused():
    initial = gmmvi.LowRankGMM.of(TARGET, 2)
    with pytest.raises(ValueError, match="rank 2"):
        gmmvi.train(make_config(), correlated, initial=initial)
    with pytest.raises(ValueError, match="rank 2"):
        gmmvi.train(make_config(rank=None), correlated, initial=initial)
