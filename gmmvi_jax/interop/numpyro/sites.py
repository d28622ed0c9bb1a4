"""What a model has: its unobserved sites, with values, domains and plates."""

import dataclasses
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import MaskedDistribution
from numpyro.handlers import seed, substitute, trace
from numpyro.infer import init_to_median

from gmmvi_jax.domains import Domain
from gmmvi_jax.domains.bounded import Bounded
from gmmvi_jax.domains.numpyro_constraints import from_constraint
from gmmvi_jax.domains.static import as_tuples
from gmmvi_jax.typing import Array

_NUM_DRAWS = 101  # of the prior, for its medians


class Sites(NamedTuple):
    """The unobserved continuous sites of a model, in its order."""

    values: dict[str, Array]  # medians of the prior
    domains: dict[str, Domain]
    event_dims: dict[str, int]
    deterministic: tuple[str, ...]
    are_some_discrete: bool
    max_plate_nesting: int


def find_sites(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sites:
    """Runs a model twice to see what it has.

    Raises:
        ValueError: see ``from_model``.
    """
    first, second = (
        trace(
            substitute(
                seed(model, jax.random.key(run)),
                substitute_fn=init_to_median(num_samples=_NUM_DRAWS),
            )
        ).get_trace(*args, **kwargs)
        for run in range(2)
    )
    _refuse(first)
    _check_data(first, second)
    latent = {
        name: site
        for name, site in first.items()
        if site["type"] == "sample" and not site["is_observed"]
    }
    discrete = [name for name, site in latent.items() if site["fn"].support.is_discrete]
    continuous = {name: site for name, site in latent.items() if name not in discrete}
    if not continuous:
        raise ValueError("model: no unobserved site has a density; there is nothing to fit.")
    _require_funsor(discrete)
    values, domains = {}, {}
    for name, site in continuous.items():
        domains[name] = _domain(name, site)
        if name not in second or _domain(name, second[name]) != domains[name]:
            raise ValueError(
                f"model: the support of {name!r}, {site['fn'].support}, depends on other sites. "
                f"Make it a numpyro.deterministic of a site with a constant support, such as "
                f"Uniform(0, 1)."
            )
        values[name] = jnp.asarray(site["value"], jnp.result_type(float))
    event_dims = {name: site["fn"].event_dim for name, site in continuous.items()}
    deterministic = tuple(n for n, site in first.items() if site["type"] == "deterministic")
    nesting = max(
        (-frame.dim for site in first.values() for frame in site.get("cond_indep_stack", ())),
        default=0,
    )
    return Sites(values, domains, event_dims, deterministic, bool(discrete), nesting)


def _domain(name: str, site: dict[str, Any]) -> Domain:
    try:
        domain = from_constraint(site["fn"].support)
    except ValueError as error:
        raise ValueError(f"model: site {name!r}: {error}") from error
    shape = np.shape(site["value"])
    if isinstance(domain, Bounded):  # in a plate, one bound may be that of many values
        low, high = (
            as_tuples(np.broadcast_to(bound, shape)) if np.shape(bound) else bound
            for bound in (domain.low, domain.high)
        )
        domain = dataclasses.replace(domain, low=low, high=high)
    return domain


def _refuse(sites: dict[str, Any]) -> None:
    for name, site in sites.items():
        if site["type"] == "param":
            raise ValueError(
                f"model: {name!r} is a numpyro.param, which has no density; give it a prior by "
                f"numpyro.sample."
            )
        if site["type"] != "plate":
            continue
        size, subsample_size = site["args"][0], len(site["value"])
        if size != subsample_size:
            raise ValueError(
                f"model: plate {name!r} takes {subsample_size} of {size} rows, so that its density "
                f"is random; run it over all rows."
            )


def _check_data(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Raises ValueError for data that have no density, whatever the sites are."""
    for name, site in first.items():
        if site["type"] != "sample" or not site["is_observed"]:
            continue
        if isinstance(site["fn"], MaskedDistribution):
            continue
        value = np.asarray(site["value"])
        if value.dtype.kind == "f" and np.isnan(value).any():
            raise ValueError(
                f"model: the data of {name!r} hold NaN; leave these rows out, or sample them."
            )
        inside = [
            run[name]["fn"].support(value) if name in run else True for run in (first, second)
        ]
        if not any(map(np.all, inside)):
            raise ValueError(
                f"model: the data of {name!r} are outside of the support {site['fn'].support} of "
                f"their distribution, and have no density."
            )


def _require_funsor(discrete: list[str]) -> None:
    if not discrete:
        return
    if importlib.util.find_spec("funsor") is None:
        raise ValueError(
            f"model: {', '.join(map(repr, discrete))} is discrete and has no density; NumPyro sums "
            f"over its values if funsor is installed: pip install funsor. Or sum by hand, as "
            f"MixtureSameFamily does."
        )
