"""Checks of what the user passes, before anything is compiled.

Every error names the argument, its value and the cure. Values that are tracers (a user vmaps
over a hyperparameter) cannot be looked at and pass.
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.requirements import (
    is_traced,
    require,
    require_bool,
    require_int,
    require_number,
)


def _check_positive(owner: Any, name: str, argument: str, zero_is_legal: bool = False) -> None:
    value = getattr(owner, name, None)
    if value is None:
        return
    require_number(argument, value)
    if zero_is_legal:
        require(value >= 0.0, f"{argument} must not be negative, got {value}.")
    else:
        require(value > 0.0, f"{argument} must be positive, got {value}.")


def _check_stepsizes(config: Config) -> None:
    for kind, rule, zero_is_legal in (
        ("component", config.algorithm.component_stepsize, False),
        ("weight", config.algorithm.weight_stepsize, True),
    ):
        for name, argument in (
            ("initial", f"initial_{kind}_stepsize"),
            ("lowest", f"min_{kind}_stepsize"),
            ("highest", f"max_{kind}_stepsize"),
        ):
            _check_positive(rule, name, argument, zero_is_legal)
        for name, argument in (
            ("increase", f"{kind}_stepsize_increase"),
            ("decrease", f"{kind}_stepsize_decrease"),
        ):
            _check_positive(rule, name, argument)
        lowest, highest = getattr(rule, "lowest", None), getattr(rule, "highest", None)
        if lowest is not None and highest is not None:  # the initial one may lie outside
            require(
                lowest <= highest,
                f"min_{kind}_stepsize is {lowest}, above max_{kind}_stepsize, {highest}; exchange "
                f"them.",
            )
        exponent = getattr(rule, "exponent", 0.0)
        require(
            exponent >= 0.0,
            f"{kind}_stepsize_exponent must not be negative, got {exponent}: the stepsize "
            f"initial / (1 + t^exponent) is meant to decay; for a constant one choose "
            f"{'F' if kind == 'component' else 'X'} (fixed) in its place.",
        )


def _check_samples(config: Config) -> None:
    selector, estimator = config.algorithm.sample_selector, config.algorithm.natural_gradient
    require_int("desired_samples", getattr(selector, "desired_samples", 1), least=1)
    require_int("reuse_window_bytes", getattr(selector, "reuse_window_bytes", 1), least=1)
    reuse_ratio = getattr(selector, "reuse_ratio", 0.0)
    require_number("reuse_ratio", reuse_ratio)
    require(
        0.0 <= reuse_ratio < float("inf"),
        f"reuse_ratio must be finite and not negative, got {reuse_ratio}; 0 reuses no samples.",
    )
    require(
        not (getattr(estimator, "only_own_samples", False) and reuse_ratio > 0.0),
        f"only_own_samples=True needs samples that the components drew in this iteration, but "
        f"reuse_ratio={reuse_ratio} hands it older ones; set reuse_ratio=0 or "
        f"only_own_samples=False.",
    )


def _check_adaptation(config: Config) -> None:
    adaptation = config.algorithm.component_adaptation
    del_iters = getattr(adaptation, "del_iters", None)
    if del_iters is None:
        return
    require_int("del_iters", del_iters)
    require(
        del_iters >= 3,
        f"del_iters must be at least 3, got {del_iters}: the rewards are smoothed over "
        f"2 * (del_iters // 3) iterations.",
    )
    for name, least in (
        ("add_iters", 1),
        ("num_database_samples", 1),
        ("num_prior_samples", 0),
        ("max_database_size", 0),
    ):
        require_int(name, getattr(adaptation, name, least), least)
    _check_positive(adaptation, "lightest", "min_weight_for_deletion", zero_is_legal=True)


def _check_temperature(schedule: Any) -> None:
    """Calls the schedule once, as the first step will."""
    constant = getattr(schedule, "value", None)
    if constant is not None:
        require_number("temperature", constant)
        require(constant > 0.0, f"temperature must be positive, got {constant}.")
        return
    try:
        value = schedule(jnp.ones((), jnp.int32))
    except Exception as error:
        raise ValueError(
            f"temperature must be a number or a function of the iteration; called with iteration 1 "
            f"it raised {type(error).__name__}: {error}"
        ) from error
    if is_traced(value):
        return
    number = np.asarray(value)
    is_fit = number.shape == () and number.dtype.kind in "fiu" and math.isfinite(number)
    require(
        is_fit and number > 0.0,
        f"temperature must be a positive, finite number at every iteration, got {value!r} at "
        f"iteration 1.",
    )


def validate(config: Config) -> None:
    """Checks a configuration; called by its constructors and by ``train``.

    Raises:
        ValueError: naming the setting, its value and the cure.
    """
    algorithm, run = config.algorithm, config.run
    require_int("max_components", algorithm.max_components, least=1)
    if algorithm.max_chunk_bytes is not None:
        require_int("max_chunk_bytes", algorithm.max_chunk_bytes, least=1)
    require_int("num_iterations", run.num_iterations, least=1)
    require_int("log_every", run.log_every, least=1)
    require_int("diagnostic_samples", run.diagnostic_samples, least=0)
    require_int("seed", run.seed, least=0)
    require_bool("diagonal", getattr(algorithm.initial_mixture, "diagonal", False))
    count = algorithm.initial_mixture.num_components
    require(
        count <= algorithm.max_components,
        f"num_initial_components is {count}, but max_components is {algorithm.max_components}; "
        f"raise max_components or start with fewer components.",
    )
    _check_samples(config)
    _check_stepsizes(config)
    _check_adaptation(config)
    _check_temperature(algorithm.temperature)
