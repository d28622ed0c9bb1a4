"""Configurations by name: ``from_codename``, ``samtron``, ``vips``, ``ibayes_gmm``."""

import inspect
from typing import Any, Unpack

import jax
import numpy as np

from gmmvi_jax.config import Algorithm, Config, Run
from gmmvi_jax.densities.position import PositionLayout, layout_of
from gmmvi_jax.densities.position_settings import (
    example_values,
    flat_location,
    flat_scale,
    flat_setting,
)
from gmmvi_jax.mixture.initial import PriorInitialization
from gmmvi_jax.modules.choice import Problem
from gmmvi_jax.modules.iterate_averaging import LastIterate, NaturalParameterAverage
from gmmvi_jax.modules.registry import MODULES
from gmmvi_jax.modules.schedule_checks import as_checked_schedule
from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.numerics.schedule import Schedule
from gmmvi_jax.requirements import (
    MOST_ROWS,
    require_bool,
    require_int,
    require_variance,
    vector_setting,
)
from gmmvi_jax.typing import Array, PyTree
from gmmvi_jax.variants.codenames import choices_of
from gmmvi_jax.variants.families import averages_iterates, degrees_of_family
from gmmvi_jax.variants.settings import (
    IBayesSettings,
    SamtronSettings,
    VipsSettings,
    explicit_signature,
)
from gmmvi_jax.variants.validation import validate

DEFAULT_MAX_COMPONENTS = 100
# Of a number that never changes (E): enough for a few modes and their shapes, and each component
# still gets its share of the samples under P. Where components are added (A) one is enough.
DEFAULT_FIXED_COMPONENTS = 10


def from_codename(
    codename: str,
    dim: int | PyTree,
    *,
    domain: Any = None,
    prior_mean: Any = None,
    prior_scale: Any = None,
    initial_covariance: Any = None,
    num_initial_components: int | None = None,
    max_components: int | None = None,
    max_chunk_bytes: int | None = None,
    num_iterations: int = 500,
    log_every: int = 25,
    diagnostic_samples: int = 2000,
    temperature: float | Array | Schedule = 1.0,
    diagonal: bool = False,
    rank: int | None = None,
    components: str = "gaussian",
    degrees: float | Array | None = None,
    average_iterates: bool | None = None,
    seed: int = 0,
    **module_settings: Any,
) -> Config:
    """Returns the configuration of one of the framework's variants.

    Args:
        codename: seven letters, e.g. ``"SAMTRON"``; ``gmmvi-jax variants`` explains them.
        dim: dimensions D of the target; or an example of its position where that is a pytree.
        domain: where the position may lie, of ``gmmvi_jax.domains``; or a pytree like the position
            with the domains of some leaves. The mixture has free coordinates, without limits.
        prior_mean: scalar or [D], where the initial means are drawn around. This and the next two
            may also be pytrees like the position, with a number or an array for each leaf. With a
            domain all are of the position itself. By default 0, or the values of the example.
        prior_scale: scalar or [D], their standard deviation; by default 1 (of free coordinates).
        initial_covariance: scalar or [D] variances of the initial components; by default
            ``prior_scale ** 2``.
        num_initial_components: components at the start; a single one sits at ``prior_mean``. By
            default 1, or 10 (``max_components`` if that is less) where their number is fixed (E).
        max_components: how many there can ever be; costs memory, not time. By default 100,
            or ``num_initial_components`` if that is more, or if their number is fixed.
        max_chunk_bytes: most memory of what a pass over samples and components holds at a time. By
            default the sizes measured to be best on a CPU, and 16 MiB on other backends; a GPU
            with many components and samples may like more.
        num_iterations: steps to take.
        log_every: steps per compiled chunk.
        diagnostic_samples: draws for the ELBO between chunks, 0 for none.
        temperature: beta, a number or a schedule over iterations.
        diagonal: diagonal covariances.
        rank: covariances of this rank plus diagonal, for hundreds to thousands of dimensions; then
            the result's mixture is a ``LowRankGMM``. With Stein (S), and the updates T and I.
        components: ``"gaussian"``, or ``"student_t"`` for heavy tails; then the result's mixture is
            a ``TMixture``. Not with MORE (Z).
        degrees: of freedom of Student-t components, by default 5; few are heavy tails, 1 is a
            Cauchy distribution, inf a Gaussian.
        average_iterates: return an average of the last iterates instead of the last one, see
            ``NaturalParameterAverage``; the steps are the same. By default it is done, but not with
            ``rank``: natural parameters of low rank have an average that is of another rank.
        seed: of the run.
        **module_settings: settings of the seven choices, e.g. ``add_iters=30``,
            ``desired_samples=100``; an unknown one raises an error that lists them.

    Raises:
        ValueError: an unknown codename or setting, or a value that cannot be right.

    Example:
        >>> config = from_codename("SAMTRON", 2, prior_scale=3.0, num_iterations=100)
        >>> config.run.num_iterations
        100
    """
    choices_of(codename)
    layout = layout_of(dim, domain)
    num_dims = require_int("dim", dim if layout is None else layout.dim, 1, MOST_ROWS)
    average_iterates = averages_iterates(diagonal, rank, average_iterates, num_dims)
    num_initial_components, max_components = _component_counts(
        "E" in codename, num_initial_components, max_components
    )
    mean, scale, variance = _prior(
        dim, layout, num_dims, prior_mean, prior_scale, initial_covariance
    )
    problem = Problem(
        dim=num_dims,
        prior_mean=mean,
        initial_variance=variance,
        codename=codename,
        diagonal=diagonal,
        rank=rank,
    )
    family = degrees_of_family(components, degrees)
    start = PriorInitialization(
        mean, scale, variance, num_initial_components, diagonal, family, rank
    )
    algorithm = Algorithm(
        **_modules(problem, module_settings),
        iterate_averaging=NaturalParameterAverage() if average_iterates else LastIterate(),
        initial_mixture=start,
        temperature=as_checked_schedule("temperature", temperature),
        max_components=max_components,
        max_chunk_bytes=max_chunk_bytes,
    )
    config = Config(
        algorithm=algorithm,
        run=Run(num_iterations, seed, log_every, diagnostic_samples),
        layout=layout,
    )
    validate(config)
    return config


def _prior(
    example: int | PyTree,
    layout: PositionLayout | None,
    dim: int,
    mean: Any,
    scale: Any,
    covariance: Any,
) -> tuple[Array, Array, Array]:
    """Returns [D] mean and standard deviations of the prior, and variances of the first components.

    Args:
        example: of the position, or its dimensions.
        layout: of the position, None if it is a vector.
        dim: D.
        mean: as the user gave it, like the next two.
        scale: standard deviations.
        covariance: variances.
    """
    mean_name = "prior_mean"
    if mean is None and layout is not None:
        mean_name, mean = "prior_mean (the example's values)", example_values(example, layout)
    else:
        mean = flat_location("prior_mean", 0.0 if mean is None else mean, layout)
    scale = flat_scale("prior_scale", scale, mean, layout)
    if covariance is not None:
        covariance = _flat_covariance(covariance, mean, layout)

    means = vector_setting(mean_name, mean, dim)
    scales = vector_setting("prior_scale", scale, dim, positive=True)
    with np.errstate(over="ignore"):
        variances = scales**2
    require_variance("prior_scale", variances, scale)
    if covariance is not None:
        variances = vector_setting("initial_covariance", covariance, dim, positive=True)
        require_variance("initial_covariance", variances, covariance)
    return means, scales, variances


def _flat_covariance(value: Any, mean: Any, layout: PositionLayout | None) -> Any:
    """Returns the variances of free coordinates."""
    if layout is None or not layout.is_constrained:
        return flat_setting("initial_covariance", value, layout)
    scale = jax.tree.map(np.sqrt, value)
    return flat_scale("initial_covariance", scale, mean, layout) ** 2


def _modules(problem: Problem, settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the seven choices of a codename by field; raises ValueError for unknown settings."""
    choices = choices_of(problem.codename)
    modules = {}
    remaining = dict(settings)
    for module, choice in zip(MODULES, choices, strict=True):
        modules[module.field] = choice.build(problem, **choice.take(remaining))
    if remaining:
        known = sorted(name for choice in choices for name in choice.settings)
        name = sorted(remaining)[0]
        common = [p for p in inspect.signature(from_codename).parameters if p != "codename"]
        raise ValueError(
            f"{problem.codename} has no setting {name!r}{did_you_mean(name, [*common, *known])} "
            f"Its choices have the settings {', '.join(known)}."
        )
    return modules


def _component_counts(is_fixed: bool, num_initial: int | None, most: int | None) -> tuple[int, int]:
    """Returns ``num_initial_components`` and ``max_components``, with their defaults."""
    if most is not None:
        most = require_int("max_components", most, least=1)
    if num_initial is None:
        default = DEFAULT_FIXED_COMPONENTS if is_fixed else 1
        num_initial = default if most is None else min(default, most)
    num_initial = require_int("num_initial_components", num_initial, least=1)
    if most is None:
        most = max(1 if is_fixed else DEFAULT_MAX_COMPONENTS, num_initial)
    return num_initial, most


@explicit_signature("SAMTRON", from_codename)
def samtron(dim: int | PyTree, **settings: Unpack[SamtronSettings]) -> Config:
    """Returns the configuration the study recommends, SAMTRON.

    Source: Arenz et al., TMLR 2023: Stein estimates, adaptive components, samples from every
    component, trust-region updates of components and weights, improvement-based stepsizes.

    Args:
        dim: dimensions D of the target, or an example of its position.
        **settings: those of every variant, which ``from_codename`` documents, and those of its
            choices, which ``gmmvi_jax.variants.settings`` documents. Floats may be traced, to sweep
            over them with ``jax.vmap``.

    Example:
        >>> import jax
        >>> def start(scale, stepsize):
        ...     algorithm = samtron(
        ...         2, prior_scale=scale, initial_component_stepsize=stepsize, max_components=2
        ...     ).algorithm
        ...     return algorithm.component_stepsize.initial
        >>> jax.vmap(start)(jax.numpy.ones(3), jax.numpy.array([0.25, 0.5, 1.0])).tolist()
        [0.25, 0.5, 1.0]
    """
    return from_codename("SAMTRON", dim, **settings)


@explicit_signature("ZAMTRUX", from_codename)
def vips(dim: int | PyTree, **settings: Unpack[VipsSettings]) -> Config:
    """Returns a configuration of VIPS, ZAMTRUX.

    Zero order: the target's gradient is never computed. Source: Arenz, Zhong, Neumann, JMLR 2020:
    MORE's regression, adaptive components, samples from every component, trust-region updates with
    improvement-based stepsizes, plain natural-gradient steps of the weights.

    Args:
        dim: dimensions D of the target, or an example of its position.
        **settings: see ``samtron``.
    """
    return from_codename("ZAMTRUX", dim, **settings)


@explicit_signature("SEPYFUX", from_codename)
def ibayes_gmm(
    dim: int | PyTree, *, first_published: bool = False, **settings: Unpack[IBayesSettings]
) -> Config:
    """Returns a configuration of iBayes-GMM, SEPYFUX.

    Source: Lin, Khan, Schmidt, ICML 2019, with the improved Bayesian learning rule of Lin, Schmidt,
    Khan, ICML 2020: Stein estimates, a fixed number of components, samples of the mixture, fixed
    stepsizes.

    Args:
        dim: dimensions D of the target, or an example of its position.
        first_published: as in 2019, with plain natural-gradient steps of the components (SEPIFUX);
            those that would leave a precision that is not positive definite are rejected.
        **settings: see ``samtron``.
    """
    require_bool("first_published", first_published)
    return from_codename("SEPIFUX" if first_published else "SEPYFUX", dim, **settings)
