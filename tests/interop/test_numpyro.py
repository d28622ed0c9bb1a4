"""Models of NumPyro as densities, fits as guides, mixtures as distributions."""

import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.handlers import seed, trace
from numpyro.infer import Predictive, Trace_ELBO
from scipy import stats
from scipy.special import logsumexp

import gmmvi_jax as gmmvi
from gmmvi_jax import domains
from gmmvi_jax.densities import on_pytree
from gmmvi_jax.interop.arviz import to_arviz
from gmmvi_jax.interop.numpyro import from_mixture, from_model, from_prior, guide, to_mixture
from tests.interop import models
from tests.interop.stub import stub_result

# The posterior of ``normal_mean``, from its conjugate prior.
PRECISION = 1.0 / 4.0 + np.sum(1.0 / models.SCALE**2)
MEAN = (1.0 / 4.0 + np.sum(models.DATA / models.SCALE**2)) / PRECISION


@pytest.fixture(scope="module")
def fitted():
    density = from_model(models.normal_mean, models.SCALE, models.DATA)
    return density, gmmvi.fit(density, verbose=False)


def test_the_density_is_the_joint_density_of_data_and_sites():
    density = from_model(models.variances, models.DATA)
    position = {
        "w": jnp.array([0.2, 0.3, 0.5]),
        "rho": jnp.array([0.5, -0.5]),
        "sigma": jnp.array([0.7, 1.1]),
    }
    right = (
        stats.dirichlet.logpdf([0.2, 0.3, 0.5], np.ones(3))
        - np.log(2.0 * 3.0)
        + stats.halfnorm.logpdf([0.7, 1.1], scale=2.0).sum()
        + stats.norm.logpdf(models.DATA, scale=1.8).sum()
    )
    assert np.isclose(density(position), right, rtol=1e-5)
    assert density.domain["w"] == domains.simplex
    assert density.domain["sigma"] == domains.positive
    assert density.domain["rho"] == domains.interval([-1.0, -1.0], [1.0, 2.0])
    assert jax.tree.map(jnp.shape, density.position) == {"w": (3,), "rho": (2,), "sigma": (2,)}


def test_discrete_sites_are_summed_over():
    density = from_model(models.two_kinds, models.DATA)
    kinds = np.stack([stats.norm.logpdf(models.DATA, -1.0), stats.norm.logpdf(models.DATA, 2.0)])
    sums: Any = logsumexp(kinds.T + np.log([0.7, 0.3]), axis=1)
    right = stats.beta.logpdf(0.3, 2, 2) + np.sum(sums)
    assert np.isclose(density({"share": jnp.float32(0.3)}), right, rtol=1e-5)
    draws = {"share": jnp.array([0.3, 0.6])}
    assert density.predictive(0, draws)["kind"].shape == (2, 4)
    with pytest.raises(ValueError, match="summed over"):
        density.log_likelihood(draws)


def test_arrays_are_arguments_of_the_program_unless_the_model_needs_their_values():
    assert len(from_model(models.normal_mean, models.SCALE, models.DATA).arguments.arrays) == 2
    density = from_model(models.by_group, np.array([0, 1, 1, 0]), models.DATA)
    assert density.arguments.arrays == ()
    value = jax.jit(lambda density: density({"effects": jnp.array([0.1, 0.2])}))(density)
    right = stats.norm.logpdf([0.1, 0.2]).sum()
    right += stats.norm.logpdf(models.DATA, np.array([0.1, 0.2, 0.2, 0.1])).sum()
    assert np.isclose(value, right, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        (models.nested_support, (), "support of 'x'.* depends on other sites"),
        (models.with_parameter, (), "'centre' is a numpyro.param"),
        (models.subsampled, (models.DATA,), "'rows' takes 2 of 4 rows"),
        (models.on_sphere, (), "'direction'.*reparam"),
        (models.without_sites, (0.5,), "nothing to fit"),
    ],
)
def test_what_has_no_density_is_named(model, arguments, words):
    with pytest.raises(ValueError, match=words):
        from_model(model, *arguments)


def test_a_prior_of_distributions_times_a_likelihood():
    def log_likelihood(position, data):
        return -0.5 * jnp.sum((data - position["mu"]) ** 2) / position["scale"]

    prior = {"mu": dist.Normal(1.0, 2.0), "scale": dist.Uniform(0.5, 3.0)}
    density = from_prior(prior, log_likelihood, models.DATA)
    value = density({"mu": jnp.float32(0.3), "scale": jnp.float32(2.0)})
    right = stats.norm.logpdf(0.3, 1.0, 2.0) - np.log(2.5)
    right -= 0.25 * np.sum((models.DATA - 0.3) ** 2)
    assert np.isclose(value, right, rtol=1e-5)
    assert density.domain["scale"] == domains.interval(0.5, 3.0)
    assert len(density.arguments.arrays) == 1
    draws = {"mu": jnp.zeros(2), "scale": jnp.ones(2)}
    assert density.predictive(0, draws) == {}  # a likelihood that is a function draws no data


@pytest.mark.parametrize(
    ("prior", "log_likelihood", "words"),
    [
        (dist.Normal(0.0, 1.0), jnp.sum, "prior must be a dict .* got Normal"),
        ({"mu": 1.0}, jnp.sum, "'mu' must be a distribution of NumPyro such as .* got 1.0"),
        ({"mu": dist.Normal(0.0, 1.0)}, 3.0, "log_likelihood must be a function .* got float"),
    ],
)
def test_what_is_no_prior_or_likelihood_is_named(prior, log_likelihood, words):
    with pytest.raises(TypeError, match=words):
        from_prior(prior, log_likelihood)


def test_draws_and_positions_must_have_the_sites():
    density = from_model(models.normal_mean, models.SCALE, models.DATA)
    with pytest.raises(ValueError, match="draws must be a dict with the sites mu; got"):
        density.predictive(0, {"mew": jnp.zeros(3)})
    with pytest.raises(ValueError, match="position must be a dict with the sites mu"):
        density(jnp.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="brings its own position"):
        gmmvi.fit(density, 5)


@pytest.mark.slow
def test_discrete_sites_of_new_data_are_drawn_as_the_model_says():
    density = from_model(models.two_kinds, models.DATA)
    draws = {"share": jnp.full(300, 0.9)}
    kinds = density.predictive(0, draws, np.full(3, np.nan, np.float32))["kind"]
    assert abs(float(kinds.mean()) - 0.9) < 0.05


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "'y' hold NaN"), (-1.0, "'y' are outside of the support")]
)
def test_data_without_a_density_are_named(value, words):
    with pytest.raises(ValueError, match=words):
        from_model(models.rates, np.array([1.0, value]))


def test_discrete_sites_without_funsor_are_an_error(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"'kind' is discrete.*pip install funsor"):
        from_model(models.two_kinds, models.DATA)


def test_a_fit_of_a_model_has_its_posterior(fitted):
    density, result = fitted
    assert result.status == "converged"
    draws = result.sample(0, 20_000)
    assert abs(float(draws["mu"].mean()) - MEAN) < 4.0 / np.sqrt(20_000 * PRECISION)
    assert np.isclose(draws["mu"].std(), PRECISION**-0.5, rtol=0.03)
    assert np.allclose(density.deterministic(draws)["twice"], 2.0 * draws["mu"])
    unseen = density.predictive(1, draws, np.ones(7, np.float32))
    assert unseen["y"].shape == (20_000, 7)
    assert np.isclose(unseen["y"].std(), np.sqrt(1.0 + 1.0 / PRECISION), rtol=0.03)
    likelihood = density.log_likelihood(draws)["y"][0]
    right = stats.norm.logpdf(models.DATA, draws["mu"][0], models.SCALE)
    assert np.allclose(likelihood, right, rtol=1e-4)


def test_a_fit_keeps_its_model(fitted):
    _, result = fitted
    assert callable(guide(result))
    tree = to_arviz(result, num_samples=100, log_likelihood=True)
    assert {"mu", "twice"} <= set(tree["posterior"].data_vars)
    assert "y" in tree["log_likelihood"].data_vars


@pytest.mark.slow
def test_a_fit_is_a_guide_for_the_tools_of_numpyro(fitted):
    _, result = fitted
    own = guide(result)
    sites = Predictive(own, num_samples=5, params={})(jax.random.key(0))
    assert {name: site.shape for name, site in sites.items()} == {"mu": (5,)}
    predict = Predictive(models.normal_mean, guide=own, params={}, num_samples=5)
    assert predict(jax.random.key(0), models.SCALE)["y"].shape[0] == 5
    loss: Any = Trace_ELBO(num_particles=200).loss(
        jax.random.key(1), {}, models.normal_mean, own, models.SCALE, models.DATA
    )
    assert np.isclose(-loss, result.history["elbo"][-1], atol=0.02)


def test_the_density_of_a_guide_has_the_change_of_variables():
    density = from_model(models.variances, models.DATA)
    target = on_pytree(density, density.position, density.domain)
    generator = np.random.default_rng(0)
    means, moments = generator.normal(size=(2, target.dim)), np.ones((2, target.dim))
    gmm = gmmvi.GMM.from_moments([0.3, 0.7], means, moments)
    result = stub_result(gmm, target, target.layout)
    sites = trace(seed(guide(result), jax.random.key(0))).get_trace()
    total = sum(jnp.sum(site["fn"].log_prob(site["value"])) for site in sites.values())
    assert set(sites) == set(density.position)  # and no site of its own
    position = {name: sites[name]["value"] for name in density.position}
    assert np.isclose(total, result.log_prob(position), atol=1e-3)


def test_draws_of_a_guide_are_those_of_the_fit():
    density = from_model(models.variances, models.DATA)
    target = on_pytree(density, density.position, density.domain)
    gmm = gmmvi.GMM.from_moments([1.0], np.ones((1, target.dim)), np.full((1, target.dim), 0.01))
    own = guide(stub_result(gmm, target, target.layout))
    sites = Predictive(own, num_samples=400, params={})(jax.random.key(0))
    assert set(sites) == set(density.position)
    assert np.allclose(np.mean(target.layout.ravel(sites), axis=0), 1.0, atol=0.03)
    assert np.allclose(np.std(target.layout.ravel(sites), axis=0), 0.1, rtol=0.2)
    with pytest.raises(ValueError, match="seed"):
        trace(own).get_trace()


def test_a_guide_needs_the_fit_of_a_model():
    result = stub_result(gmmvi.GMM.from_moments([1.0], [[0.0]], [[1.0]]), lambda x: -(x @ x))
    with pytest.raises(ValueError, match="fit of a model"):
        guide(result)


@pytest.mark.slow
@pytest.mark.parametrize("diagonal", [False, True])
def test_mixtures_become_distributions_and_back(diagonal):
    generator = np.random.default_rng(0)
    means = generator.normal(size=(3, 2))
    covariances = np.array([[[1.0, 0.3], [0.3, 2.0]]] * 3)
    moments = np.array([[1.0, 2.0]] * 3) if diagonal else covariances
    gmm = gmmvi.GMM.from_moments([0.2, 0.3, 0.5], means, moments)
    distribution = to_mixture(gmm)
    points = generator.normal(size=(5, 2))
    assert np.allclose(distribution.log_prob(points), gmm.log_prob(points), rtol=1e-5)
    back = from_mixture(distribution)
    assert back.is_diagonal == diagonal
    assert np.allclose(back.log_prob(points), gmm.log_prob(points), rtol=1e-5)


def test_other_distributions_are_no_mixtures():
    with pytest.raises(TypeError, match="MixtureSameFamily"):
        from_mixture(dist.Normal(0.0, 1.0))
    shares = dist.CategoricalProbs(jnp.array([0.5, 0.5]))
    with pytest.raises(TypeError, match="Gaussian components, got StudentT"):
        from_mixture(dist.MixtureSameFamily(shares, dist.StudentT(3.0, jnp.zeros(2))))
