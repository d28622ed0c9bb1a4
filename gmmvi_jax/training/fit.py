"""``fit``: a mixture fitted to a density without settings."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gmmvi_jax.config import Config
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.check import check_target
from gmmvi_jax.densities.evaluation import full_density, has_gradient, is_stochastic
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.densities.repeated_functions import warn_of_repeats
from gmmvi_jax.densities.softened import can_be_softened, level_below, softened
from gmmvi_jax.evaluation.uphill import can_look_uphill
from gmmvi_jax.multistart import Limits, Start, quieter, search_start, wide_start
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_bool, require_count
from gmmvi_jax.training.fit_config import config_of_fit
from gmmvi_jax.training.kept_run import KeptRuns, kept_run
from gmmvi_jax.training.last_look import LastLook
from gmmvi_jax.training.log import log_start, logger, told_on_stderr
from gmmvi_jax.training.mesh_argument import mesh_of_one_run
from gmmvi_jax.training.processes import is_first, is_spread_over_processes
from gmmvi_jax.training.request import Request, check_request
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.runs import OneRun
from gmmvi_jax.training.splitting import Splitting
from gmmvi_jax.training.stopping import Convergence, EvaluationBudget, StoppingRule, TimeLimit
from gmmvi_jax.training.train import Callback, resume_one, run_one
from gmmvi_jax.typing import Array, PyTree
from gmmvi_jax.variants.configurations import samtron, vips

_MOST_SPLIT = 0.8  # of the capacity; the rest is for components where mass is missing
_NOISE = 1  # folded into the run's key, for the draws whose noise is measured
# Of the search for a start: the share of budget and seconds, and the evaluations, at most.
_SEARCH = (0.25, 20_000)
_SEARCH_WITHOUT_GRADIENT = (0.5, 60_000)
_CHEAP_SEARCH = 0.05  # of the budget, which a search that may find more always takes


@own_errors()
def fit(
    log_density: Callable[..., Array],
    dim_or_position: int | PyTree | None = None,
    *,
    domain: Any = None,
    prior_mean: Any = None,
    prior_scale: Any = None,
    seed: int = 0,
    tolerance: float = 0.05,
    budget: float | None = None,
    seconds: float | None = None,
    max_components: int | None = None,
    diagonal: bool = False,
    rank: int | None = None,
    components: str = "gaussian",
    degrees: float | None = None,
    progress: bool | None = None,
    verbose: bool = True,
    callbacks: Callback | Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    mesh: Mesh | None = None,
) -> TrainResult:
    """Fits a Gaussian mixture to an unnormalised density, and chooses everything itself.

    First it climbs to local maxima of the density (L-BFGS) from draws of the prior and puts
    Gaussians there. Then it takes steps of SAMTRON with reused samples, splits and adds components,
    and returns an average of the iterates when more evaluations would hardly improve it and nothing
    narrow is found next to the mixture. Hundreds of nats below the maxima the log density
    is made to fall slowly, also in ``result.target``. Without gradients the fit climbs by
    differences of the density, and takes steps of VIPS.

    Args:
        log_density: unnormalised log density of ONE point [D], see ``train``.
        dim_or_position: dimensions D; or an example of the position, a pytree, whose values are the
            default of ``prior_mean``. Not needed if the density has an attribute ``dim`` or
            ``position``.
        domain: where the position may lie, of ``gmmvi_jax.domains``, e.g. ``domains.positive``; or
            a pytree like the position with the domains of some leaves. By default that of the
            density if it has this attribute.
        prior_mean: scalar, [D] or a pytree like the position, where the search starts. By default
            that of the density if it has this attribute, else 0.
        prior_scale: scalar, [D] or a pytree, standard deviations of the places the search starts
            from; a wider one than the posterior is better than a narrower one. By default that of
            the density if it has this attribute; else it starts with 1 and follows what is found.
        seed: of the search and the run.
        tolerance: nats of ELBO that twice the evaluations must be worth, else the fit has
            converged; see ``Convergence``.
        budget: most target evaluations, those of the search and the diagnostics included; about,
            since it is asked after every ten iterations, or fewer where less is left; one is always
            taken.
        seconds: most time, compilation included; about, for the same reason, and because how long
            the first ten iterations take is not known before.
        max_components: capacity of the mixture; by default 400 in up to ten dimensions, 200 from
            twenty on, or less where these do not fit the memory of the samples to be reused.
        diagonal: diagonal covariances, for hundreds of dimensions.
        rank: covariances of this rank plus diagonal, for hundreds to thousands; then
            ``result.gmm`` is a ``LowRankGMM``. The search is one climb, from beside ``prior_mean``.
        components: ``"student_t"`` for heavy tails; then ``result.gmm`` is a ``TMixture``.
        degrees: of freedom of Student-t components, by default 5; see ``samtron``.
        progress: shows a progress bar on stderr.
        verbose: says on stderr what it found and chose, and how it ended, unless the logger
            ``gmmvi_jax`` is set up to (INFO; DEBUG has a line for every ten iterations).
        callbacks: see ``train``.
        checkpoint: see ``train``. The first snapshot comes after the first ten iterations: what is
            killed before has lost its search, of seconds unless the density is slow.
        resume: see ``train``; a run in that directory goes on with the settings it began with.
        mesh: see ``train``; the search is that of one device.

    Returns:
        See ``train``. ``result.status`` is "converged" or "budget spent" if all went well, and
        ``result.ending.reason`` says more. The evaluations of the search are counted in the column
        ``num_target_evaluations`` of ``result.history``.

    Raises:
        ValueError, TypeError, FloatingPointError, KeyboardInterrupt: see ``train``.

    Example:
        >>> import gmmvi_jax as gmmvi
        >>> result = gmmvi.fit(lambda x: -0.5 * x @ x, 2, verbose=False)
        >>> str(result.status)
        'converged'
    """
    require_bool("verbose", verbose)
    example = _example(log_density, dim_or_position)
    domain = getattr(log_density, "domain", None) if domain is None else domain
    mean = getattr(log_density, "prior_mean", None) if prior_mean is None else prior_mean
    scale = getattr(log_density, "prior_scale", None) if prior_scale is None else prior_scale
    target = as_log_density(log_density, "log_density")
    until: list[StoppingRule] = [Convergence(tolerance)]
    budget = None if budget is None else require_count("budget", budget)
    until += [] if budget is None else [EvaluationBudget(budget)]
    until += [] if seconds is None else [TimeLimit(seconds)]
    settings = {"seed": seed, "diagonal": diagonal, "max_components": max_components}
    settings |= {"components": components, "degrees": degrees, "rank": rank}
    variant = samtron if has_gradient(target) else vips
    config = config_of_fit(variant, example, mean, scale, {**settings, "domain": domain})
    request = check_request(config, log_density, None, progress, callbacks, until)
    mesh = mesh_of_one_run(mesh, request.target)
    request = request._replace(mesh=mesh)
    estimator = config.algorithm.natural_gradient
    check_target(request.target, config.dim, jnp.result_type(float), estimator)
    warn_of_repeats(request.target)

    is_told = verbose and is_first(mesh)
    with told_on_stderr(is_told), kept_run(checkpoint, resume, None, mesh=mesh) as kept:
        if kept.begun:
            result = _go_on(request, kept, budget, seconds)
        else:
            result = _fit(request, variant, settings, scale is None, budget, seconds, kept)
    return result


def _go_on(
    request: Request, kept: KeptRuns, budget: int | None, seconds: float | None
) -> TrainResult:
    """Goes on with a run as it was begun.

    Raises:
        ValueError: it is a run of another position or seed.
    """
    (begun,), config = kept.begun, request.config
    for name in ("dim", "layout"):
        if getattr(begun.config, name) != getattr(config, name):
            raise ValueError(
                f"resume: the run there has {name} {getattr(begun.config, name)}, this density "
                f"{getattr(config, name)}; give its own directory to each density."
            )
    if begun.config.run.seed != config.run.seed:
        raise ValueError(
            f"resume: the run there has seed {begun.config.run.seed}, not {config.run.seed}; give "
            f"its own directory to each seed."
        )
    logger.info("goes on after iteration %d", begun.rows[-1]["iteration"])
    if begun.target_level is not None:
        request = request._replace(target=softened(request.target, begun.target_level))
    request = _growing(request._replace(config=begun.config), None, budget, seconds)
    return resume_one(request, typed_key(config.run.seed), kept)


def _fit(
    request: Request,
    variant: Callable[..., Config],
    settings: dict[str, Any],
    may_rescale: bool,
    budget: int | None,
    seconds: float | None,
    kept: KeptRuns,
) -> TrainResult:
    """Searches, and takes the run to its end."""
    config, start = request.config, None
    if not is_stochastic(full_density(request.target)):
        start = _search(request, may_rescale, budget, seconds)
        if may_rescale and start.gmm is not None:
            layout = config.layout
            config = config_of_fit(
                variant, config.dim, start.prior_mean, start.prior_scale, settings
            )
            config = dataclasses.replace(config, layout=layout)
            request = request._replace(config=config)
    if start is None or start.num_basins:
        log_start(start, config, time.perf_counter() - request.start_time)
    request = _growing(_softened(request, start), start, budget, seconds)
    key = typed_key(config.run.seed)
    if start is None or start.gmm is None:
        num_evaluations = 0 if start is None else start.num_evaluations
        run = OneRun(config, request.target, key, None, num_evaluations, request.mesh)
        return run_one(request, run, kept)
    quiet, centre, more = quieter(request.target, start.gmm, jax.random.fold_in(key, _NOISE))
    run = OneRun(config, quiet, key, start.gmm, start.num_evaluations + more, request.mesh)
    return run_one(request, run, kept, centre)


def _search(
    request: Request,
    may_rescale: bool,
    budget: int | None,
    seconds: float | None,
) -> Start:
    """Climbs from draws of the prior, with a share of what the run may cost."""
    share, most = _SEARCH if has_gradient(request.target) else _SEARCH_WITHOUT_GRADIENT
    algorithm = request.config.algorithm
    prior: Any = algorithm.initial_mixture
    limits = Limits(most)
    if budget is not None:
        limits = Limits(min(most, int(share * budget)), int(_CHEAP_SEARCH * budget))
    if seconds is not None and not is_spread_over_processes(request.mesh):  # clocks differ
        limits = limits._replace(deadline=request.start_time + share * seconds)
    mean, scale = (np.asarray(part, float) for part in (prior.prior_mean, prior.prior_scale))
    problem = (request.target, mean, scale, request.config.run.seed)
    if prior.rank is not None:
        return wide_start(*problem, max_evaluations=limits.max_evaluations)
    return search_start(
        *problem,
        may_rescale=may_rescale,
        limits=limits,
        max_components=algorithm.max_components,
        diagonal=prior.diagonal,
    )


def _softened(request: Request, start: Start | None) -> Request:
    """Returns the request with a density that falls slowly far below the summits of the search."""
    target = request.target
    # It is infinite where the prior is the better start, and where a single climb does not tell.
    if start is None or not np.isfinite(start.thinnest) or not can_be_softened(target):
        return request
    level = level_below(start.thinnest, request.config.dim)
    return request._replace(target=softened(target, level))


def _growing(
    request: Request, start: Start | None, budget: int | None, seconds: float | None
) -> Request:
    """Returns the request with what splits components, and what adds some at the end."""
    config = request.config
    selector: Any = config.algorithm.sample_selector
    capacity = config.algorithm.max_components
    most = round(_MOST_SPLIT * capacity)
    splitting = Splitting(config.dim, most, selector.desired_samples, budget, seconds)
    request = request._replace(splitting=splitting)
    if not can_look_uphill(request.target, config.dim):
        return request
    samples = config.run.diagnostic_samples
    climbs = None if start is None else start.climbs
    look = LastLook(config.dim, capacity, samples, budget, seconds, climbs)
    return request._replace(last_look=look)


def _example(log_density: Any, dim_or_position: int | PyTree | None) -> int | PyTree:
    own = getattr(log_density, "position", None)
    if own is not None and isinstance(dim_or_position, int):
        raise ValueError(
            f"dim_or_position is {dim_or_position}, but log_density brings its own position; "
            f"leave it out."
        )
    if dim_or_position is not None:
        return dim_or_position
    if own is None:
        own = getattr(log_density, "dim", None)
    if own is None:
        raise TypeError(
            "fit needs the number of dimensions, fit(log_density, dim), or an example of the "
            "position; log_density has no attribute dim or position."
        )
    return own
