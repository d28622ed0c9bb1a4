"""Joint densities of models with discrete sites, which NumPyro sums over with funsor."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from gmmvi_jax.typing import Array


def log_joint_enumerated(
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    values: dict[str, Array],
    max_plate_nesting: int,
) -> Array:
    """Returns the log joint density of continuous sites, summed over the discrete ones.

    Args:
        model: a function with NumPyro's primitives.
        args: of the model.
        kwargs: of the model.
        values: of the continuous sites.
        max_plate_nesting: plates around a site, at most.
    """
    from numpyro.contrib.funsor import config_enumerate, enum
    from numpyro.contrib.funsor.infer_util import log_density

    enumerated = enum(config_enumerate(model), first_available_dim=-max_plate_nesting - 1)
    return jnp.asarray(log_density(enumerated, args, kwargs, values)[0])
