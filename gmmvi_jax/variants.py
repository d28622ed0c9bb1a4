"""Configurations by name: ``from_codename`` and ``samtron``."""

import difflib
from typing import Any

import numpy as np

from gmmvi_jax.choices import Problem
from gmmvi_jax.codenames import choices_of
from gmmvi_jax.config import Algorithm, Config, Run
from gmmvi_jax.initial_mixture import PriorInitialization
from gmmvi_jax.schedule import Schedule, as_schedule
from gmmvi_jax.validation import (
    require_positive_int,
    validate,
    vector_setting,
)

DEFAULT_MAX_COMPONENTS = 100


def from_codename(
    codename: str,
    dim: int,
    *,
    prior_mean: Any = 0.0,
    prior_scale: Any = 1.0,
    initial_covariance: Any = None,
    num_initial_components: int = 1,
    max_components: int | None = None,
    num_iterations: int = 500,
    log_every: int = 25,
    diagnostic_samples: int = 2000,
    temperature: float | Schedule = 1.0,
    diagonal: bool = False,
    seed: int = 0,
    **module_settings: Any,
) -> Config:
    """Returns the configuration of one of the framework's variants.

    Args:
        codename: seven letters, e.g. ``"SAMTRON"``; ``gmmvi-jax variants`` explains them.
        dim: dimensions D of the target.
        prior_mean: scalar or [D], where the initial means are drawn around.
        prior_scale: scalar or [D], their standard deviation.
        initial_covariance: scalar or [D] variances of the initial components; by default
            ``prior_scale ** 2``.
        num_initial_components: components at the start; a single one sits at ``prior_mean``.
        max_components: how many there can ever be; costs memory, not time. By default 100,
            or ``num_initial_components`` if that is more.
        num_iterations: steps to take.
        log_every: steps per compiled chunk.
        diagnostic_samples: draws for the ELBO between chunks, 0 for none.
        temperature: beta, a number or a schedule over iterations.
        diagonal: diagonal covariances.
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
    choices = choices_of(codename)
    require_positive_int("dim", dim)
    require_positive_int("num_initial_components", num_initial_components)
    if max_components is None:
        max_components = max(DEFAULT_MAX_COMPONENTS, num_initial_components)
    mean = vector_setting("prior_mean", prior_mean, dim)
    scale = vector_setting("prior_scale", prior_scale, dim, positive=True)
    variance = (
        np.square(scale)
        if initial_covariance is None
        else vector_setting("initial_covariance", initial_covariance, dim, positive=True)
    )
    problem = Problem(dim=dim, prior_mean=mean, initial_variance=variance)

    modules = {}
    remaining = dict(module_settings)
    for choice in choices:
        names = choice.settings
        own = {name: remaining.pop(name) for name in list(remaining) if name in names}
        modules[choice.field] = choice.build(problem, **own)
    if remaining:
        known = sorted(name for choice in choices for name in choice.settings)
        name = sorted(remaining)[0]
        nearest = difflib.get_close_matches(name, known, 1, 0.0)[0]
        raise ValueError(
            f"{codename} has no setting {name!r}; did you mean {nearest!r}? Its settings are "
            f"{', '.join(known)}."
        )

    algorithm = Algorithm(
        **modules,
        initial_mixture=PriorInitialization(
            prior_mean=mean,
            prior_scale=scale,
            initial_variance=variance,
            num_components=num_initial_components,
            diagonal=diagonal,
        ),
        temperature=as_schedule(temperature),
        max_components=max_components,
    )
    config = Config(
        algorithm=algorithm,
        run=Run(
            num_iterations=num_iterations,
            seed=seed,
            log_every=log_every,
            diagnostic_samples=diagnostic_samples,
        ),
    )
    validate(config)
    return config


def samtron(dim: int, **settings: Any) -> Config:
    """Returns the configuration the study recommends, SAMTRON; see ``from_codename``.

    Source: Arenz et al., TMLR 2023: Stein estimates, adaptive components, samples from every
    component, trust-region updates of components and weights, improvement-based stepsizes.

    Args:
        dim: dimensions D of the target.
        **settings: those of ``from_codename``.
    """
    return from_codename("SAMTRON", dim, **settings)
