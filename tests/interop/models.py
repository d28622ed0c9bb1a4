"""Models of NumPyro that the tests share."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

DATA = np.array([0.3, -0.4, 1.2, 0.8], np.float32)
SCALE = np.array([0.5, 0.5, 1.0, 1.0], np.float32)


def normal_mean(scale, y=None):
    """A conjugate model: mu ~ N(1, 2^2), y ~ N(mu, scale^2)."""
    mu = numpyro.sample("mu", dist.Normal(1.0, 2.0))
    numpyro.deterministic("twice", 2.0 * mu)
    with numpyro.plate("rows", len(scale)):
        numpyro.sample("y", dist.Normal(mu, scale), obs=y)


def variances(y):
    """Positive sites in a plate, bounds from an array, a simplex."""
    numpyro.sample("w", dist.Dirichlet(jnp.ones(3)))
    numpyro.sample("rho", dist.Uniform(-1.0, jnp.array([1.0, 2.0])).to_event(1))
    with numpyro.plate("groups", 2):
        sigma: Any = numpyro.sample("sigma", dist.HalfNormal(2.0))
    numpyro.sample("y", dist.Normal(0.0, sigma[0] + sigma[1]).expand([len(y)]).to_event(1), obs=y)


def two_kinds(y):
    """A discrete site per row."""
    share = numpyro.sample("share", dist.Beta(2.0, 2.0))
    with numpyro.plate("rows", len(y)):
        kind = numpyro.sample("kind", dist.Bernoulli(share))
        numpyro.sample("y", dist.Normal(jnp.where(kind == 1, 2.0, -1.0), 1.0), obs=y)


def by_group(group, y):
    """Looks at the values of an argument, as many examples of NumPyro do."""
    effects: Any = numpyro.sample("effects", dist.Normal(0.0, 1.0).expand([len(np.unique(group))]))
    numpyro.sample("y", dist.Normal(effects[group], 1.0).to_event(1), obs=y)


def nested_support():
    """A site whose support depends on another."""
    top = numpyro.sample("top", dist.HalfNormal(1.0))
    numpyro.sample("x", dist.Uniform(0.0, top))


def with_parameter():
    """A numpyro.param beside a site."""
    numpyro.sample("x", dist.Normal(numpyro.param("centre", 0.0), 1.0))


def subsampled(y):
    """A plate that takes some of its rows."""
    mu = numpyro.sample("mu", dist.Normal(0.0, 1.0))
    with numpyro.plate("rows", 4, subsample_size=2) as rows:
        numpyro.sample("y", dist.Normal(mu, 1.0), obs=y[rows])


def on_sphere():
    """A support without a map, which NumPyro names itself."""
    numpyro.sample("direction", dist.ProjectedNormal(jnp.ones(3)))


def rates(y):
    """Positive data."""
    rate = numpyro.sample("rate", dist.HalfNormal(1.0))
    numpyro.sample("y", dist.Exponential(rate).expand([2]).to_event(1), obs=y)


def without_sites(y):
    """Nothing to fit."""
    numpyro.sample("y", dist.Normal(0.0, 1.0), obs=y)
