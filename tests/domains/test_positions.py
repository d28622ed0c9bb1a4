"""Positions with domains: through ``fit``, ``train``, settings, black boxes and refusals."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import gmmvi_jax as gmmvi
from gmmvi_jax import densities, domains
from gmmvi_jax.densities.position import position_layout

EXAMPLE = {"rho": 0.0, "sigma": 1.0, "w": np.full(3, 1.0 / 3.0)}
DOMAIN = {"rho": domains.interval(-1.0, 1.0), "sigma": domains.positive, "w": domains.simplex}


def log_density(position: Any) -> Any:
    """A uniform, a Gamma(3) and a Dirichlet(2, 3, 4) density: log Z is 0."""
    sigma, weights = position["sigma"], position["w"]
    gamma = 2.0 * jnp.log(sigma) - sigma - math.log(2.0)
    dirichlet = jnp.sum(jnp.array([1.0, 2.0, 3.0]) * jnp.log(weights))
    normalizer = math.lgamma(9.0) - math.lgamma(2.0) - math.lgamma(3.0) - math.lgamma(4.0)
    return -math.log(2.0) + 0.0 * position["rho"] + gamma + dirichlet + normalizer


def test_a_fit_is_of_the_position_inside_its_domain():
    config = gmmvi.from_codename(
        "SEMTFOX",
        EXAMPLE,
        domain=DOMAIN,
        num_initial_components=2,
        num_iterations=40,
        log_every=20,
        desired_samples=100,
        diagnostic_samples=500,
    )
    result = gmmvi.train(config, log_density)
    assert result.history["elbo"][-1] == pytest.approx(0.0, abs=0.15)
    samples = result.sample(0, 500)
    assert all(DOMAIN[name].contains(samples[name]) for name in DOMAIN)
    np.testing.assert_allclose(np.mean(samples["w"], axis=0), np.array([2, 3, 4]) / 9, atol=0.05)
    assert "sigma=" in result.summary()


@pytest.mark.slow
def test_fit_finds_a_density_on_its_domain():
    result = gmmvi.fit(log_density, EXAMPLE, domain=DOMAIN, tolerance=0.2, verbose=False)
    assert result.status == "converged"
    log_z = result.diagnose().log_z
    assert abs(float(log_z.value)) < 3.0 * float(log_z.standard_error) + 0.01
    samples = result.sample(0, 4000)
    assert {name: leaf.shape for name, leaf in samples.items()} == {
        "rho": (4000,),
        "sigma": (4000,),
        "w": (4000, 3),
    }
    assert all(DOMAIN[name].contains(samples[name]) for name in DOMAIN)
    assert np.mean(samples["sigma"]) == pytest.approx(3.0, abs=0.1)
    np.testing.assert_allclose(np.mean(samples["w"], axis=0), np.array([2, 3, 4]) / 9, atol=0.01)
    assert stats.kstest(np.asarray(samples["rho"]), "uniform", args=(-1, 2)).statistic < 0.04
    locations = result.modes().locations
    assert all(DOMAIN[name].contains(locations[name]) for name in DOMAIN)
    assert "rho=" in result.summary()
    assert "sigma=" in result.summary()
    assert result.layout is not None
    assert result.layout.names == ["rho", "sigma", "w.free[0]", "w.free[1]"]


@pytest.mark.slow
def test_a_box_is_exact_in_ten_dimensions():
    config = gmmvi.from_codename(
        "SEMTFOX",
        10,
        domain=domains.interval(-1.0, 3.0),
        num_initial_components=1,
        num_iterations=4,
        log_every=2,
        desired_samples=50,
        diagnostic_samples=500,
    )
    result = gmmvi.train(
        config, lambda x: jnp.where(jnp.all(jnp.abs(x - 1.0) < 2.0), 0.0, -jnp.inf)
    )
    assert result.history["elbo"][-1] == pytest.approx(10.0 * math.log(4.0), abs=0.02)
    assert result.history["outside_share"][-1] == 0.0
    assert result.sample(0, 5).shape == (5, 10)


def prior_of(*arguments: Any, **settings: Any) -> Any:
    return gmmvi.samtron(*arguments, **settings).algorithm.initial_mixture


@pytest.mark.slow
def test_settings_are_of_the_position_and_the_example_is_the_start():
    prior = prior_of({"s": 2.0, "x": 3.0}, domain={"s": domains.positive})
    np.testing.assert_allclose(prior.prior_mean, [math.log(2.0), 3.0], rtol=1e-6)
    np.testing.assert_allclose(prior.prior_scale, 1.0)
    prior = prior_of(
        {"s": 1.0, "x": 0.0},
        domain={"s": domains.positive},
        prior_mean={"s": 4.0, "x": -1.0},
        prior_scale={"s": 0.4, "x": 7.0},
        initial_covariance=4.0,
    )
    np.testing.assert_allclose(prior.prior_mean, [math.log(4.0), -1.0], rtol=1e-6)
    np.testing.assert_allclose(prior.prior_scale, [0.1, 7.0], rtol=1e-6)
    np.testing.assert_allclose(prior.initial_variance, [0.25, 4.0], rtol=1e-6)
    # One number for a vector in a box: its own units.
    prior = prior_of(2, domain=domains.interval(0.0, 10.0), prior_mean=5.0, prior_scale=0.1)
    np.testing.assert_allclose(prior.prior_mean, 0.0, atol=1e-6)
    np.testing.assert_allclose(prior.prior_scale, 0.1 / (10.0 * stats.norm.pdf(0.0)), rtol=1e-5)
    only_shape = {"s": jax.ShapeDtypeStruct((2,), jnp.float32)}
    np.testing.assert_allclose(prior_of(only_shape, domain=domains.positive).prior_mean, 0.0)


@pytest.mark.slow
def test_own_gradients_and_batches_are_of_free_coordinates():
    def numpy_density(position: Any) -> Any:
        return np.log(position["s"]) - np.sum(
            position["s"][..., None] * position["x"] ** 2, axis=-1
        )

    def gradient(position: Any) -> Any:
        s, x = position["s"], position["x"]
        return {"s": 1.0 / s - np.sum(x**2, axis=-1), "x": -2.0 * s[..., None] * x}

    def plain(position: Any) -> Any:
        return jnp.log(position["s"]) - jnp.sum(position["s"] * position["x"] ** 2)

    example, domain = {"s": 1.0, "x": np.zeros(2)}, {"s": domains.positive}
    box = densities.black_box(numpy_density, gradient=gradient)
    own: Any = densities.on_pytree(box, example, domain)
    expected = densities.on_pytree(plain, example, domain)
    points = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    values, gradients = own.evaluate_batch(points, jnp.int32(3), True)
    for point, value, slope in zip(points, values, gradients, strict=True):
        found = jax.value_and_grad(expected)(point)
        np.testing.assert_allclose(value, found[0], rtol=1e-5)
        np.testing.assert_allclose(slope, found[1], rtol=1e-4, atol=1e-5)
        one_value, one_slope = own.value_and_grad(jnp.asarray(point))
        np.testing.assert_allclose(one_value, found[0], rtol=1e-5)
        np.testing.assert_allclose(one_slope, found[1], rtol=1e-4, atol=1e-5)


def test_a_domain_of_a_branch_is_that_of_its_leaves_and_a_fixed_leaf_has_no_coordinates():
    example = {"a": {"x": 1.0, "y": np.ones(2)}, "b": 5.0, "c": [0.0, 1.0]}
    layout = position_layout(
        example, {"a": domains.positive, "b": domains.fixed(5.0), "c": [None, domains.positive]}
    )
    assert layout.dim == 5
    assert layout.names == ["a.x", "a.y[0]", "a.y[1]", "c.0", "c.1"]
    position = layout.unravel(np.zeros((2, 5), np.float32))
    assert position["b"].tolist() == [5.0, 5.0]
    assert position["a"]["y"].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    np.testing.assert_allclose(layout.ravel(position), 0.0)
    assert layout == position_layout(
        example, {"a": domains.positive, "b": domains.fixed(5), "c": [None, domains.positive]}
    )


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"domain": {"sigm": domains.positive}}, ValueError, "no 'sigm'; did you mean 'sigma'"),
        ({"domain": {"sigma": "positive"}}, TypeError, "sigma must be of gmmvi_jax.domains"),
        ({"domain": {"sigma": domains.simplex}}, ValueError, "domain of 'sigma': a simplex needs"),
        ({"domain": {"sigma": domains.lower(2.0)}}, ValueError, "example's values at 'sigma': 1.0"),
        ({"domain": DOMAIN, "prior_mean": -1.0}, ValueError, "prior_mean at 'rho': -1.0 is not"),
        ({"domain": DOMAIN, "prior_scale": np.ones(4)}, ValueError, "a pytree like the position"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(settings, error, match):
    with pytest.raises(error, match=match):
        gmmvi.samtron(EXAMPLE, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["simplex", "ordered", "periodic"])
def test_ten_dimensions_with_a_domain_are_exact(name):
    if name == "simplex":
        result = gmmvi.fit(
            lambda w: 0.0 * w[0], np.full(11, 1 / 11), domain=domains.simplex, seconds=60
        )
        log_z = -math.lgamma(11)
    elif name == "ordered":

        def in_order(x: Any) -> Any:
            return -0.5 * jnp.sum(x**2) - 5.0 * math.log(2.0 * math.pi)

        result = gmmvi.fit(in_order, np.linspace(-1.0, 1.0, 10), domain=domains.ordered, seconds=60)
        log_z = -math.lgamma(11)
    else:
        result = gmmvi.fit(
            lambda x: jnp.sum(jnp.cos(x - 1.0)), 10, domain=domains.periodic(), seconds=60
        )
        log_z = 10.0 * math.log(2.0 * math.pi * np.i0(1.0))
    found = result.diagnose(num_samples=10_000).log_z
    assert abs(float(found.value) - log_z) < 0.02 + 3.0 * float(found.standard_error)
