"""Fits as samples of GetDist: weighted draws with names and bounds."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.domains import simplex
from gmmvi_jax.domains.bounded import Bounded
from gmmvi_jax.domains.periodic import Periodic
from gmmvi_jax.interop.arguments import require_dict, require_result
from gmmvi_jax.packages import import_package
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.typing import PRNGKey


def to_samples(
    result: TrainResult,
    rng_key: PRNGKey | int = 0,
    num_samples: int = 1_000,
    *,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """Returns weighted draws of a fit for GetDist's plots and tables.

    Parameters are the numbers of the position, ``a``, ``s[0]``, ``w[1,2]``, of a vector ``x[0]``.
    GetDist's ``loglikes`` are minus the unnormalised log densities of the position, its weights
    Pareto-smoothed. Bounds of domains are hard bounds of its density estimates.

    Args:
        result: of ``fit`` or ``train``, with its density.
        rng_key: a PRNG key or an integer seed.
        num_samples: draws, each one target evaluation.
        labels: from the names of some parameters to their LaTeX, without dollar signs.

    Returns:
        A ``getdist.MCSamples``.

    Raises:
        TypeError: ``labels`` is no dict.
        ValueError: a label is of no parameter; or as of ``TrainResult.weighted_draws``.
    """
    getdist = import_package("getdist", "interop.getdist", "GetDist", "getdist")
    require_result(result)
    labels = dict(require_dict("labels", {} if labels is None else labels, "parameters to LaTeX"))
    draws = result.weighted_draws(rng_key, num_samples)
    layout, posterior = result.layout, result.posterior
    names = [name.replace(" ", "") for name in posterior.value_names]
    values, log_p, ranges = posterior.values(draws.free), draws.log_p, {}
    if layout is not None:
        # GetDist's parameters are those of the position, log_p is of free coordinates.
        log_p = draws.log_p - np.asarray(layout.log_volume(jnp.asarray(draws.free)), float)
        ranges = _ranges(layout, names)
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise ValueError(f"labels: there is no parameter {unknown[0]!r}; it has {names}.")
    kept = draws.weights > 0.0  # the others may lie outside of the support, with infinite loglikes
    return getdist.MCSamples(
        samples=np.asarray(values, np.float64)[kept],
        weights=draws.weights[kept],
        loglikes=-log_p[kept],
        names=names,
        labels=[labels.get(name, name) for name in names],
        ranges=ranges,
        sampler="uncorrelated",
    )


def _ranges(layout: Any, names: list[str]) -> dict[str, list[Any]]:
    """Returns the bounds of parameters that have some, in GetDist's form."""
    ranges, rest = {}, list(names)
    for domain, shape in zip(layout.domains, layout.shapes, strict=True):
        count = int(np.prod(shape))
        own, rest = rest[:count], rest[count:]
        if isinstance(domain, Periodic):
            ranges |= {name: [domain.low, domain.high, True] for name in own}
        elif isinstance(domain, Bounded) or domain == simplex:
            low, high = (domain.low, domain.high) if isinstance(domain, Bounded) else (0.0, 1.0)
            lows, highs = (np.broadcast_to(bound, shape).ravel() for bound in (low, high))
            ranges |= {
                name: [_finite(least), _finite(most)]
                for name, least, most in zip(own, lows, highs, strict=True)
            }
    return ranges


def _finite(bound: Any) -> float | None:
    return float(bound) if np.isfinite(bound) else None
