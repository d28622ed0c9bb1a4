"""A fit as ArviZ' DataTree: draws, log densities, weights, and how the run went."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from gmmvi_jax.evaluation.user_functions import explained
from gmmvi_jax.evaluation.weighted_draws import WeightedDraws, resampled_rows
from gmmvi_jax.interop.arguments import require_dict, require_result
from gmmvi_jax.numerics.keys import subkeys, typed_key
from gmmvi_jax.packages import needed_by
from gmmvi_jax.requirements import require_bool, shown
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.typing import PRNGKey, PyTree

with needed_by("interop.arviz", "ArviZ", "'gmmvi_jax[arviz]'"):
    import arviz_base


def to_arviz(
    result: TrainResult,
    rng_key: PRNGKey | int = 0,
    num_samples: int = 1_000,
    *,
    resample: bool = False,
    log_likelihood: bool | Callable[[PyTree], PyTree] = False,
    coords: Mapping[str, Sequence[Any]] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Returns draws of a fit for ArviZ: its summary, plots and comparisons.

    The group ``posterior`` has one chain of draws under the names of the position (``x`` for a
    vector), with the deterministic sites of a NumPyro model. The group ``sample_stats`` has ``lp``
    and ``log_q``, the log densities of free coordinates, and ``log_weight``, Pareto-smoothed and
    normalised. The attributes of the tree tell how the run went.

    Args:
        result: of ``fit`` or ``train``.
        rng_key: a PRNG key or an integer seed.
        num_samples: draws, each one target evaluation.
        resample: whether the draws are resampled by their weights, so that they are those of the
            density and no longer those of the mixture. ``log_weight`` is then constant.
        log_likelihood: a function of ONE position to the data's log densities, an array or a dict
            of arrays, for the group ``log_likelihood``; True for those of a NumPyro model.
        coords: as of ``arviz_base.from_dict``.
        dims: as of ``arviz_base.from_dict``, from a variable's name to those of its axes.

    Returns:
        An ``xarray.DataTree``.

    Raises:
        TypeError: ``coords`` or ``dims`` is no dict of lists.
        ValueError: ``resample`` is no boolean; ``log_likelihood`` is True and the density is not
            that of a model; or as of ``TrainResult.weighted_draws``.
    """
    require_result(result)
    require_bool("resample", resample)
    if not callable(log_likelihood):
        require_bool("log_likelihood", log_likelihood)
    coords = _lists("coords", coords, "names of axes to their labels")
    dims = _lists("dims", dims, "variables to the names of their axes")
    draws = result.weighted_draws(rng_key, num_samples)
    if resample:
        draws = _resampled(draws, rng_key)
    model: Any = getattr(result.target, "log_density", None)
    posterior = _variables(result, draws.position)
    if hasattr(model, "deterministic"):
        posterior |= model.deterministic(draws.position)
    groups = {
        "posterior": posterior,
        "sample_stats": {
            "lp": draws.log_p,
            "log_q": draws.log_q,
            "log_weight": np.log(np.maximum(draws.weights, np.finfo(float).tiny)),
        },
    }
    if log_likelihood is not False:
        groups["log_likelihood"] = _log_likelihood(log_likelihood, model, draws.position)
    chains = {
        group: {name: np.asarray(values)[None] for name, values in variables.items()}
        for group, variables in groups.items()
    }
    return arviz_base.from_dict(
        chains, coords=coords, dims=dims, attrs={"/": _attributes(result, draws)}
    )


def _resampled(draws: WeightedDraws, rng_key: PRNGKey | int) -> WeightedDraws:
    count = len(draws.weights)
    rows = resampled_rows(draws.weights, subkeys(typed_key(rng_key), 1)[0], count)
    return draws._replace(
        position=jax.tree.map(lambda leaf: leaf[rows], draws.position),
        free=draws.free[rows],
        log_p=draws.log_p[rows],
        log_q=draws.log_q[rows],
        weights=np.full(count, 1.0 / count),
    )


def _variables(result: TrainResult, position: PyTree) -> dict[str, Any]:
    """Returns the leaves of a position under their names."""
    if result.layout is None:
        return {"x": position}
    leaves = jax.tree.leaves(position)
    return {name or "x": leaf for name, leaf in zip(result.layout.paths, leaves, strict=True)}


def _log_likelihood(given: Any, model: Any, position: PyTree) -> dict[str, Any]:
    if callable(given):
        with explained("log_likelihood"):
            values = jax.jit(jax.vmap(given))(position)
        return values if isinstance(values, dict) else {"log_likelihood": values}
    if not hasattr(model, "log_likelihood"):
        raise ValueError(
            "log_likelihood=True needs the fit of a model of NumPyro; give a function of one "
            "position to the log densities of the data."
        )
    return model.log_likelihood(position)


def _attributes(result: TrainResult, draws: WeightedDraws) -> dict[str, Any]:
    last = {name: values[-1].item() for name, values in result.history.items()}
    return {
        "inference_library": "gmmvi_jax",
        "inference_library_version": version("gmmvi_jax"),
        "status": str(result.status),
        "ending_reason": str(result.ending.reason or ""),
        "seed": result.config.run.seed,
        "num_components": result.gmm.num_components,
        "elbo": last["elbo"],
        "elbo_standard_error": last["elbo_stderr"],
        "num_target_evaluations": last["num_target_evaluations"],
        "sampling_time": last["wall_time"],
        "pareto_k": draws.k_hat,
        "effective_samples": draws.effective_samples,
    }


def _lists(name: str, given: Any, of_what: str) -> dict[str, list[Any]] | None:
    """Returns a dict of lists, as ``from_dict`` needs them; None stays None."""
    if given is None:
        return None
    for key, values in require_dict(name, given, of_what).items():
        # A single name would become a list of its letters.
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError(f"{name}: {key!r} must have a list, got {shown(values)}.")
    return {key: list(values) for key, values in given.items()}
