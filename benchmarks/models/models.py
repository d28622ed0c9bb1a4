"""The models, as NumPyro's users write them, and their data."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer.reparam import TransformReparam

from benchmarks.others.densities import CLASSIFIED, GRID, LABELS, WAVE
from benchmarks.others.lotka_volterra import PELTS, PRIOR_MEANS, PRIOR_SCALES
from tests.cases.models import EFFECT_ERRORS, EFFECTS

_RANDOM = np.random.default_rng(20)
MIXED = np.concatenate(
    [_RANDOM.normal(-2.0, 0.6, 30), _RANDOM.normal(0.5, 0.6, 30), _RANDOM.normal(3.0, 0.6, 40)]
)
VOTES = np.array([12, 30, 45, 13])
CORRELATED = _RANDOM.multivariate_normal(
    np.zeros(4), 0.5 * np.eye(4) + 0.5 * np.ones((4, 4)), size=60
)
SPARSE_FEATURES = _RANDOM.normal(size=(80, 15))
SPARSE_OUTCOMES = SPARSE_FEATURES[:, :3] @ np.array([2.0, -1.5, 1.0]) + _RANDOM.normal(size=80)


def schools_centred(errors: Any, effects: Any = None) -> None:
    """Eight schools: effects around their common mean (Rubin, 1981)."""
    mu: Any = numpyro.sample("mu", dist.Normal(0.0, 5.0))
    tau: Any = numpyro.sample("tau", dist.HalfCauchy(5.0))
    with numpyro.plate("schools", len(errors)):
        theta = numpyro.sample("theta", dist.Normal(mu, tau))
        numpyro.sample("y", dist.Normal(theta, errors), obs=effects)


@numpyro.handlers.reparam(config={"theta": TransformReparam()})
def schools_noncentred(errors: Any, effects: Any = None) -> None:
    """Eight schools with standardised effects."""
    mu: Any = numpyro.sample("mu", dist.Normal(0.0, 5.0))
    tau: Any = numpyro.sample("tau", dist.HalfCauchy(5.0))
    shift = dist.transforms.AffineTransform(mu, tau)
    with numpyro.plate("schools", len(errors)):
        standard = dist.TransformedDistribution(dist.Normal(0.0, 1.0), shift)
        theta = numpyro.sample("theta", standard)
        numpyro.sample("y", dist.Normal(theta, errors), obs=effects)


def mixture(y: Any) -> None:
    """Three components, of which nothing says which is which."""
    weights: Any = numpyro.sample("weights", dist.Dirichlet(jnp.ones(3)))
    means: Any = numpyro.sample("means", dist.Normal(0.0, 5.0).expand([3]).to_event(1))
    scale: Any = numpyro.sample("scale", dist.HalfNormal(2.0))
    components = dist.Normal(means, scale)
    with numpyro.plate("rows", len(y)):
        numpyro.sample("y", dist.MixtureSameFamily(dist.Categorical(weights), components), obs=y)


def logistic(features: Any, labels: Any = None) -> None:
    """Logistic regression in 50-D."""
    prior = dist.Normal(0.0, 1.0).expand([features.shape[1]]).to_event(1)
    coefficients: Any = numpyro.sample("coefficients", prior)
    with numpyro.plate("rows", features.shape[0]):
        numpyro.sample("y", dist.Bernoulli(logits=features @ coefficients), obs=labels)


def lotka_volterra(pelts: Any = None) -> None:
    """Hares and lynxes 1900 to 1920 (Carpenter, 2018)."""
    rates: Any = numpyro.sample(
        "rates", dist.TruncatedNormal(PRIOR_MEANS, PRIOR_SCALES, low=0.0).to_event(1)
    )
    start: Any = numpyro.sample("start", dist.LogNormal(jnp.log(10.0), 1.0).expand([2]).to_event(1))
    noise: Any = numpyro.sample("noise", dist.LogNormal(-1.0, 1.0).expand([2]).to_event(1))

    def slope(logs: Any) -> Any:
        hares, lynxes = jnp.exp(logs)
        return jnp.stack([rates[0] - rates[1] * lynxes, -rates[2] + rates[3] * hares])

    def step(logs: Any, _: None) -> tuple[Any, Any]:  # Runge-Kutta, ten steps a year
        first = slope(logs)
        second = slope(logs + 0.05 * first)
        third = slope(logs + 0.05 * second)
        fourth = slope(logs + 0.1 * third)
        logs += 0.1 / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)
        return logs, logs

    _, path = jax.lax.scan(step, jnp.log(start), None, length=10 * (len(PELTS) - 1))
    expected = jnp.concatenate([jnp.log(start)[None], path[9::10]])
    numpyro.sample("pelts", dist.LogNormal(expected, noise).to_event(2), obs=pelts)


def gaussian_process(x: Any, y: Any = None) -> None:
    """Hyperparameters of a Gaussian process."""
    length: Any = numpyro.sample("length", dist.LogNormal(0.0, 1.0))
    scale: Any = numpyro.sample("scale", dist.LogNormal(0.0, 1.0))
    noise: Any = numpyro.sample("noise", dist.LogNormal(0.0, 1.0))
    squares = jnp.square((x[:, None] - x) / length)
    covariance = scale**2 * jnp.exp(-0.5 * squares) + (noise**2 + 1e-4) * jnp.eye(len(x))
    numpyro.sample("y", dist.MultivariateNormal(jnp.zeros(len(x)), covariance), obs=y)


def simplex(votes: Any = None) -> None:
    """Shares of four parties."""
    shares: Any = numpyro.sample("shares", dist.Dirichlet(jnp.full(4, 0.5)))
    numpyro.sample("votes", dist.Multinomial(100, shares), obs=votes)


def correlations(y: Any) -> None:
    """A covariance matrix by its scales and an LKJ prior of the correlations."""
    scales: Any = numpyro.sample("scales", dist.HalfNormal(2.0).expand([4]).to_event(1))
    factor: Any = numpyro.sample("factor", dist.LKJCholesky(4, 2.0))
    with numpyro.plate("rows", len(y)):
        own = dist.MultivariateNormal(jnp.zeros(4), scale_tril=scales[:, None] * factor)
        numpyro.sample("y", own, obs=y)


def horseshoe(features: Any, y: Any = None) -> None:
    """Sparse regression with the horseshoe prior (Carvalho, Polson, Scott, 2010)."""
    count = features.shape[1]
    shrinkage: Any = numpyro.sample("shrinkage", dist.HalfCauchy(0.1))
    local: Any = numpyro.sample("local", dist.HalfCauchy(1.0).expand([count]).to_event(1))
    standard: Any = numpyro.sample("standard", dist.Normal(0.0, 1.0).expand([count]).to_event(1))
    noise: Any = numpyro.sample("noise", dist.HalfNormal(2.0))
    coefficients: Any = numpyro.deterministic("coefficients", shrinkage * local * standard)
    with numpyro.plate("rows", features.shape[0]):
        numpyro.sample("y", dist.Normal(features @ coefficients, noise), obs=y)


class Model(NamedTuple):
    """A model and its arguments, data included."""

    function: Callable[..., None]
    arguments: tuple[Any, ...]


MODELS = {
    "schools_centred": Model(schools_centred, (EFFECT_ERRORS, EFFECTS)),
    "schools_noncentred": Model(schools_noncentred, (EFFECT_ERRORS, EFFECTS)),
    "mixture": Model(mixture, (MIXED,)),
    "logistic": Model(logistic, (CLASSIFIED, LABELS)),
    "lotka_volterra": Model(lotka_volterra, (PELTS,)),
    "gaussian_process": Model(gaussian_process, (GRID, WAVE)),
    "simplex": Model(simplex, (VOTES,)),
    "correlations": Model(correlations, (CORRELATED,)),
    "horseshoe": Model(horseshoe, (SPARSE_FEATURES, SPARSE_OUTCOMES)),
}
