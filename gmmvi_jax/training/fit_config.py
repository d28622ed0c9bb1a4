"""The configuration of ``fit``: SAMTRON with reuse, and what memory holds of components."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from gmmvi_jax.config import Config
from gmmvi_jax.samples.window_size import MixtureShape
from gmmvi_jax.typing import PyTree

_MOST_ITERATIONS = 2_000  # something else should end the run before
_LOG_EVERY = 10
_DIAGNOSTIC_SAMPLES = 200  # a few per cent of what ten iterations take
_ADD_ITERS = 10
_REUSE_RATIO = 2.0
_CAPACITIES = (400, 300, 200, 150, 100, 70, 50, 30, 20, 10)
_MANY = 200  # components, more of which pay in few dimensions only
_MOST_DIMENSIONS = 4_000  # of all means together where there are more


def config_of_fit(
    variant: Callable[..., Config],
    example: int | PyTree,
    mean: Any,
    scale: Any,
    settings: dict[str, Any],
) -> Config:
    """Returns the configuration, with as many components as there is memory for."""

    def with_capacity(max_components: int | None) -> Config:
        return variant(
            example,
            prior_mean=mean,
            prior_scale=scale,
            reuse_ratio=_REUSE_RATIO,
            add_iters=_ADD_ITERS,
            num_iterations=_MOST_ITERATIONS,
            log_every=_LOG_EVERY,
            diagnostic_samples=_DIAGNOSTIC_SAMPLES,
            **{**settings, "max_components": max_components},
        )

    if settings["max_components"] is not None:
        return with_capacity(settings["max_components"])
    least = with_capacity(1)
    most = max(_MANY, _MOST_DIMENSIONS // least.dim)
    configs = (with_capacity(count) for count in _CAPACITIES if count <= most)
    return next(filter(_has_memory, configs), least)


def _has_memory(config: Config) -> bool:
    """Returns whether the window for reused samples keeps to its budget."""
    algorithm = config.algorithm
    shape = MixtureShape(
        algorithm.max_components,
        config.dim,
        algorithm.initial_mixture.form,
        jnp.result_type(float).itemsize,
    )
    selector: Any = algorithm.sample_selector
    return selector.window_size(shape).num_bytes(shape) <= selector.reuse_window_bytes
