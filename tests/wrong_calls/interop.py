"""Doors to other packages, as far as these are installed."""

import dataclasses
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from gmmvi_jax.densities import on_pytree
from gmmvi_jax.interop import blackjax, scipy, stan

from ..interop.test_stan import ExponentialModel
from .call import Call
from .examples import MIXTURE, POINTS, RESULT

FROZEN = scipy.to_mixture(MIXTURE)
MODEL = ExponentialModel()
DRAWS: dict[str, Any] = dict(result=RESULT, rng_key=0, num_samples=100)

CALLS: dict[str, Call] = {
    "blackjax.chain_starts": Call(
        blackjax.chain_starts, dict(result=RESULT, rng_key=0, num_chains=3)
    ),
    "blackjax.independent_proposal": Call(blackjax.independent_proposal, dict(result=RESULT)),
    "scipy.to_mixture": Call(scipy.to_mixture, dict(gmm=MIXTURE)),
    "frozen.logpdf": Call(FROZEN.logpdf, dict(x=POINTS)),
    "frozen.pdf": Call(FROZEN.pdf, dict(x=POINTS)),
    "frozen.rvs": Call(FROZEN.rvs, dict(size=3, random_state=0)),
    "stan.from_model": Call(stan.from_model, dict(model=MODEL, propto=False)),
    "stan.constrain": Call(stan.constrain, dict(model=MODEL, points=np.zeros((3, 1)))),
}

if find_spec("numpyro"):
    import numpyro.distributions as dist

    from gmmvi_jax.interop import numpyro

    from ..interop.models import DATA, SCALE, normal_mean

    DENSITY = numpyro.from_model(normal_mean, SCALE, DATA)
    TARGET = on_pytree(DENSITY, DENSITY.position, DENSITY.domain)
    FIT = dataclasses.replace(RESULT, target=TARGET)
    SITES = {"mu": np.zeros(3)}

    CALLS |= {
        "numpyro.from_model": Call(
            numpyro.from_model, dict(model=lambda: normal_mean(SCALE, DATA))
        ),
        "numpyro.from_prior": Call(
            numpyro.from_prior,
            dict(prior={"mu": dist.Normal(0.0, 1.0)}, log_likelihood=lambda p: -(p["mu"] ** 2)),
        ),
        "numpyro.to_mixture": Call(numpyro.to_mixture, dict(gmm=MIXTURE)),
        "numpyro.from_mixture": Call(
            numpyro.from_mixture, dict(distribution=numpyro.to_mixture(MIXTURE))
        ),
        "numpyro.guide": Call(numpyro.guide, dict(result=FIT)),
        "density": Call(DENSITY, dict(position={"mu": 0.0})),
        "density.deterministic": Call(DENSITY.deterministic, dict(draws=SITES)),
        "density.log_likelihood": Call(DENSITY.log_likelihood, dict(draws=SITES)),
        "density.predictive": Call(DENSITY.predictive, dict(rng_key=0, draws=SITES)),
    }

if find_spec("sklearn"):
    from gmmvi_jax.interop import sklearn

    CALLS |= {
        "sklearn.to_mixture": Call(sklearn.to_mixture, dict(gmm=MIXTURE)),
        "sklearn.from_mixture": Call(
            sklearn.from_mixture, dict(estimator=sklearn.to_mixture(MIXTURE))
        ),
    }

if find_spec("arviz_base"):
    from gmmvi_jax.interop import arviz

    CALLS |= {
        "arviz.to_arviz": Call(
            arviz.to_arviz,
            DRAWS | dict(resample=False, log_likelihood=False, coords=None, dims=None),
        ),
    }

if find_spec("distrax"):
    from gmmvi_jax.interop import distrax

    CALLS |= {
        "distrax.to_mixture": Call(distrax.to_mixture, dict(gmm=MIXTURE)),
        "distrax.from_mixture": Call(
            distrax.from_mixture, dict(distribution=distrax.to_mixture(MIXTURE))
        ),
    }

if find_spec("getdist"):
    from gmmvi_jax.interop import getdist

    CALLS |= {"getdist.to_samples": Call(getdist.to_samples, DRAWS | dict(labels=None))}

if find_spec("pymc"):
    from gmmvi_jax.interop import pymc

    pm = import_module("pymc")
    with pm.Model() as PYMC_MODEL:
        pm.Normal("mu")

    CALLS |= {"pymc.from_model": Call(pymc.from_model, dict(model=PYMC_MODEL))}
