"""What the user's log density must be, checked before anything long is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.typing import Array, LogDensity


def check_target(log_target: LogDensity, dim: int, point: Array) -> None:
    """Raises an error that says what is wrong with a target, and how to mend it.

    Args:
        log_target: what the user calls a log density of one point.
        dim: the dimension D it was announced with.
        point: [D] an initial mean, where its value must not be NaN.

    Raises:
        TypeError: it does not return a floating-point scalar.
        ValueError: another dimension, it cannot be called with one point, or NaN at ``point``.
    """
    own_dim = getattr(log_target, "dim", None)  # the package's targets say so
    if own_dim is not None and own_dim != dim:
        raise ValueError(
            f"log_target has dim {own_dim}, but the config was made for dim {dim}; make it with "
            f"dim={own_dim}."
        )
    shape = jax.ShapeDtypeStruct((dim,), point.dtype)
    try:
        result: Any = jax.eval_shape(lambda x: log_target(x), shape)
    except Exception as error:
        raise ValueError(
            f"log_target cannot be called with one point of shape ({dim},): {error} It is given "
            f"ONE point, not a batch; the library vectorises it. If its dimension is not {dim}, "
            f"make the config with the right dim."
        ) from error
    if not hasattr(result, "shape"):
        raise TypeError(f"log_target must return a scalar array, got {type(result).__name__}.")
    if result.shape != ():
        raise TypeError(
            f"log_target must return a scalar for one point of shape ({dim},), got shape "
            f"{result.shape}. If it is batched, pass lambda x: log_target(x[None])[0]; if it "
            f"returns one term per observation, sum them."
        )
    if not jnp.issubdtype(result.dtype, jnp.floating):
        raise TypeError(
            f"log_target must return a real floating-point number, got dtype {result.dtype}."
        )
    if result.dtype != point.dtype:
        raise TypeError(
            f"log_target returns {result.dtype} for a point of {point.dtype}; return the "
            f"dtype of the point, e.g. with .astype(x.dtype)."
        )
    value = np.asarray(jax.jit(lambda target, x: target(x))(log_target, point))
    if np.isnan(value):
        raise ValueError(
            f"log_target is NaN at the initial point "
            f"{np.array2string(np.asarray(point), threshold=8)}; "
            f"choose prior_mean where it is defined (-inf outside of its support is fine)."
        )
