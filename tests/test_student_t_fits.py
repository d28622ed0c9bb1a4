"""Fits whose components are Student-t, through the doors that users use."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import gammaln

import gmmvi_jax as gmmvi

DIM, DEGREES = 3, 3.0
LOCATION = jnp.arange(1.0, DIM + 1.0)


def heavy(x: jax.Array) -> jax.Array:
    """Returns the log density of a Student-t distribution, normalised."""
    normaliser = gammaln((DEGREES + DIM) / 2) - gammaln(DEGREES / 2)
    normaliser -= 0.5 * DIM * jnp.log(DEGREES * jnp.pi)
    square = jnp.sum((x - LOCATION) ** 2)
    return normaliser - 0.5 * (DEGREES + DIM) * jnp.log1p(square / DEGREES)


def make_config(**settings: Any) -> gmmvi.Config:
    """Returns a small configuration of Student-t components."""
    common: dict[str, Any] = {
        "num_iterations": 40,
        "log_every": 20,
        "max_components": 3,
        "desired_samples": 40,
    }
    common |= {"components": "student_t", "degrees": DEGREES}
    return gmmvi.samtron(DIM, prior_scale=3.0, **(common | settings))


def test_a_heavy_tail_is_met_by_one_component(tmp_path):
    directory = tmp_path / "run"
    config = make_config(reuse_ratio=1.0)
    result = gmmvi.train(config, heavy, checkpoint=directory)
    assert isinstance(result.gmm, gmmvi.TMixture)
    np.testing.assert_array_equal(result.gmm.degrees, DEGREES)
    assert abs(result.history["elbo"][-1]) < 1e-4
    heaviest = np.argmax(result.gmm.log_weights)
    np.testing.assert_allclose(result.gmm.means[heaviest], LOCATION, atol=1e-2)
    # What is on the disk is the same, and goes on.
    loaded = gmmvi.load(directory)
    for ours, theirs in zip(jax.tree.leaves(result.gmm), jax.tree.leaves(loaded.gmm), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    longer = gmmvi.train(config.replace(num_iterations=60), heavy, resume=directory)
    assert longer.history["iteration"].tolist() == [20, 40, 60]
    assert abs(longer.history["elbo"][-1]) < 1e-4


def test_infinite_degrees_are_gaussians():
    def density(x):
        return -0.5 * x @ x - 0.1 * jnp.sum(x**4)

    settings = {"add_iters": 10, "reuse_ratio": 1.0}
    results = [
        gmmvi.train(make_config(degrees=np.inf, **settings), density),
        gmmvi.train(make_config(components="gaussian", degrees=None, **settings), density),
    ]
    assert [str(result.status) for result in results] == ["completed"] * 2
    heavy_tailed, gaussian = (result.gmm for result in results)
    assert isinstance(heavy_tailed, gmmvi.TMixture)
    assert np.all(np.isinf(heavy_tailed.degrees))
    for name in ("weights", "means", "factors"):
        ours, theirs = (getattr(gmm, name) for gmm in (heavy_tailed, gaussian))
        np.testing.assert_allclose(ours, theirs, atol=2e-4, err_msg=name)
    elbos = [result.history["elbo"] for result in results]
    np.testing.assert_allclose(elbos[0], elbos[1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"diagonal": True},
        {"temperature": 1.5, "average_iterates": False},
        {"num_initial_components": 3, "degrees": 30.0},
    ],
)
def test_settings_of_gaussians_go_with_student_t(settings):
    result = gmmvi.train(make_config(**settings), heavy)
    assert result.status == "completed"
    assert np.all(np.isfinite(result.history["elbo"]))
    samples = np.asarray(result.gmm.sample(0, 1000))
    np.testing.assert_allclose(np.median(samples, axis=0), LOCATION, atol=0.3)


@pytest.mark.slow
def test_fit_finds_a_heavy_tail_and_reports_it():
    result = gmmvi.fit(heavy, DIM, components="student_t", degrees=DEGREES, verbose=False)
    diagnosis = result.diagnose()
    assert diagnosis.k_hat < 0.5
    assert abs(diagnosis.log_z.value) < 0.01
    assert result.sample(0, 5).shape == (5, DIM)
    assert len(result.solutions()) == 1
    assert "TMixture" in repr(result.gmm)
    str(result.summary())
    refined = result.refine(num_samples=200)
    assert np.all(np.isfinite(jax.tree.leaves(refined)[0]))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: gmmvi.samtron(2, components="student"), "did you mean 'student_t'"),
        (lambda: gmmvi.samtron(2, degrees=3.0), "is for components='student_t'"),
        (lambda: gmmvi.samtron(2, components="student_t", degrees=-1.0), "must be positive"),
        (lambda: gmmvi.vips(2, components="student_t"), "does not go with MORE"),
        (
            lambda: gmmvi.train(
                gmmvi.samtron(2),
                lambda x: -x @ x,
                initial=gmmvi.TMixture.from_parameters([1.0], [[0.0, 0.0]], [[1.0, 1.0]], 3.0),
            ),
            "diagonal",
        ),
        (
            lambda: gmmvi.train(
                gmmvi.samtron(2, diagonal=True),
                lambda x: -x @ x,
                initial=gmmvi.TMixture.from_parameters([1.0], [[0.0, 0.0]], [[1.0, 1.0]], 3.0),
            ),
            "initial has Student-t components",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_a_heavy_tail_is_met_to_more_digits_in_float64():
    result = gmmvi.train(make_config(num_iterations=80), heavy)
    assert isinstance(result.gmm, gmmvi.TMixture)
    assert result.gmm.degrees.dtype == np.float64
    assert abs(result.history["elbo"][-1]) < 1e-8
