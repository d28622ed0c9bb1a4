"""Checks of what the user passes, before anything is compiled.

Every error names the argument, its value and the cure. Values that are tracers (a user vmaps
over a hyperparameter) cannot be looked at and pass.
"""

from typing import Any

import jax.core
import numpy as np

from gmmvi_jax.config import Config


def require_positive_int(name: str, value: Any) -> None:
    """Raises ValueError unless ``value`` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")


def vector_setting(name: str, value: Any, dim: int, positive: bool = False) -> np.ndarray:
    """Returns [D] the setting, given as a number or a vector.

    Raises:
        ValueError: wrong shape, not finite, or not positive where it must be.
    """
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (1,), (dim,)):
        raise ValueError(
            f"{name} must be a number or have shape ({dim},), got shape {array.shape}; "
            f"full matrices are not supported here."
        )
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {value!r}.")
    if positive and not np.all(array > 0.0):
        raise ValueError(f"{name} must be positive, got {value!r}.")
    return np.broadcast_to(array, (dim,)).copy()


def _require(condition: Any, message: str) -> None:
    if isinstance(condition, jax.core.Tracer):
        return
    if not np.all(condition):
        raise ValueError(message)


def _check_positive(owner: Any, name: str, argument: str, zero_is_legal: bool = False) -> None:
    value = getattr(owner, name, None)
    if value is None:
        return
    if zero_is_legal:
        _require(value >= 0.0, f"{argument} must not be negative, got {value}.")
    else:
        _require(value > 0.0, f"{argument} must be positive, got {value}.")


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
        exponent = getattr(rule, "exponent", 0.0)
        _require(
            exponent >= 0.0,
            f"{kind}_stepsize_exponent must not be negative, got {exponent}: the stepsize "
            f"initial / (1 + t^exponent) is meant to decay; for a constant one choose "
            f"{'F' if kind == 'component' else 'X'} (fixed) in its place.",
        )


def _check_samples(config: Config) -> None:
    selector, estimator = config.algorithm.sample_selector, config.algorithm.natural_gradient
    require_positive_int("desired_samples", getattr(selector, "desired_samples", 1))
    reuse_ratio = getattr(selector, "reuse_ratio", 0.0)
    _require(
        0.0 <= reuse_ratio < float("inf"),
        f"reuse_ratio must be finite and not negative, got {reuse_ratio}; 0 reuses no samples.",
    )
    _require(
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
    _require(
        del_iters >= 3,
        f"del_iters must be at least 3, got {del_iters}: the rewards are smoothed over "
        f"2 * (del_iters // 3) iterations.",
    )
    require_positive_int("add_iters", getattr(adaptation, "add_iters", 1))
    require_positive_int("num_database_samples", getattr(adaptation, "num_database_samples", 1))
    for name in ("num_prior_samples", "max_database_size"):
        value = getattr(adaptation, name, 0)
        if not isinstance(value, int | np.integer) or value < 0:
            raise ValueError(f"{name} must be an integer of at least 0, got {value!r}.")


def validate(config: Config) -> None:
    """Checks a configuration; called by its constructors and by ``train``.

    Raises:
        ValueError: naming the setting, its value and the cure.
    """
    algorithm, run = config.algorithm, config.run
    require_positive_int("max_components", algorithm.max_components)
    if algorithm.max_chunk_bytes is not None:
        require_positive_int("max_chunk_bytes", algorithm.max_chunk_bytes)
    require_positive_int("num_iterations", run.num_iterations)
    require_positive_int("log_every", run.log_every)
    _require(
        run.diagnostic_samples >= 0,
        f"diagnostic_samples must not be negative, got {run.diagnostic_samples}.",
    )
    count = algorithm.initial_mixture.num_components
    _require(
        count <= algorithm.max_components,
        f"num_initial_components is {count}, but max_components is {algorithm.max_components}; "
        f"raise max_components or start with fewer components.",
    )
    _check_samples(config)
    _check_stepsizes(config)
    _check_adaptation(config)
    temperature = getattr(algorithm.temperature, "value", 1.0)
    _require(temperature > 0.0, f"temperature must be positive, got {temperature}.")
