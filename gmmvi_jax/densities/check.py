"""Checks of the user's log density, before anything long is compiled."""

from collections.abc import Set
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.callable_pytree import StaticCallable
from gmmvi_jax.densities.evaluation import (
    full_density,
    has_gradient,
    is_stochastic,
    value_and_gradient,
)
from gmmvi_jax.densities.faults import primitives_of
from gmmvi_jax.densities.indices import index_out_of_range
from gmmvi_jax.typing import LogDensity

_NAME = "the log density"


class Estimator(Protocol):
    """The part of an estimator of natural gradients that the check uses."""

    @property
    def uses_target_gradient(self) -> bool:
        """Whether it reads the gradient of the target."""
        ...


def check_target(log_target: LogDensity, dim: int, dtype: Any, estimator: Estimator) -> Set[str]:
    """Raises an error that says what is wrong with a target, and how to fix it.

    The target is traced but not evaluated, its gradient only if the estimator uses it.

    Args:
        log_target: the user's log density of one point.
        dim: dimensions D of the config.
        dtype: of the run's floats.
        estimator: of the natural gradients, in the config.

    Returns:
        The names of the primitives in the target's jaxpr.

    Raises:
        TypeError: the target does not return a floating-point scalar, or its gradient is not a
            vector of the same dtype.
        ValueError: the dimension differs, the target cannot be called with one point, or it has no
            gradient although the estimator needs one.
    """
    target: Any = log_target
    like = jax.ShapeDtypeStruct((dim,), dtype)
    jaxpr, result, key = _check_call(target, like)
    _check_value(result, like)
    full: Any = full_density(log_target)
    if full is not target:
        _check_value(_trace(full, like, ())[1], like, "full of the log density")
    with_gradient = estimator.uses_target_gradient
    if with_gradient:
        _check_gradient(target, estimator, like, key)
    if getattr(target, "evaluate_batch", None) is not None:
        _check_batch(target, like, with_gradient)
    else:
        _check_vectorised(target, like, key)
    return primitives_of(jaxpr)


def check_dimensions(log_target: LogDensity, dim: int, dtype: Any) -> None:
    """Raises an error unless a target takes a point and returns a scalar; it is only traced.

    Args:
        log_target: log density of one point.
        dim: dimensions D of the point.
        dtype: of the point.

    Raises:
        TypeError: the target does not return a scalar.
        ValueError: the dimension differs, or the target cannot be called with one point.
    """
    like = jax.ShapeDtypeStruct((dim,), dtype)
    _, result, _ = _check_call(log_target, like)
    _check_scalar(result, like, _NAME)


def _check_call(target: Any, like: jax.ShapeDtypeStruct) -> tuple[Any, Any, tuple]:
    """Returns the jaxpr of a target, the shape of its result, and the key that it takes."""
    (dim,) = like.shape
    own_dim = getattr(target, "dim", None)  # the package's targets have it
    if isinstance(own_dim, int | np.integer) and own_dim != dim:
        raise ValueError(
            f"the log density has dim {own_dim}, but the config was made for dim {dim}; give "
            f"dim={own_dim}."
        )
    key = (jax.random.key(0),) if is_stochastic(target) else ()
    jaxpr, result = _trace(target, like, key)
    _check_indices(jaxpr, dim)
    return jaxpr, result, key


def _trace(target: Any, like: jax.ShapeDtypeStruct, key: tuple) -> tuple[Any, Any]:
    """Returns the jaxpr of the target at one point, and the shape of its result."""
    try:
        # Wrapped in a function, since JAX may not be able to hash the target.
        return jax.make_jaxpr(lambda *arguments: target(*arguments), return_shape=True)(like, *key)
    except Exception as error:
        (dim,) = like.shape
        raise ValueError(
            f"the log density cannot be called with one point of shape ({dim},): "
            f"{type(error).__name__}: {str(error).rstrip('. ')}. It is given ONE point, not a "
            f"batch; the library vectorises it. If its dimension is not {dim}, give the right dim."
            f"{_hint(error, stochastic=bool(key))}"
        ) from error


def _check_indices(jaxpr: Any, dim: int) -> None:
    """Raises ValueError if the target reads an element that does not exist."""
    found = index_out_of_range(jaxpr)
    if found is not None:
        raise ValueError(
            f"the log density reads index {found.element} of an array of shape {found.shape}, "
            f"which JAX would replace by the last one. The point has dim {dim}: is that right?"
        )


def _hint(error: Exception, stochastic: bool) -> str:
    """Returns a hint for a common cause of the error, if there is one."""
    untraceable = (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError)
    if isinstance(error, untraceable):
        return " A function of numpy or another library is wrapped: densities.black_box(f)."
    if isinstance(error, TypeError) and "argument" in str(error):
        if stochastic:
            return " It is declared stochastic, so it is called with a PRNG key behind the point."
        return " If it takes a PRNG key behind the point, declare that: densities.stochastic(f)."
    return ""


def _check_scalar(result: Any, like: jax.ShapeDtypeStruct, name: str) -> None:
    if not hasattr(result, "shape"):
        raise TypeError(f"{name} must return a scalar array, got {type(result).__name__}.")
    if result.shape != ():
        raise TypeError(
            f"{name} must return a scalar for one point of shape {like.shape}, got shape "
            f"{result.shape}. If it is batched, pass lambda x: f(x[None])[0]; if it "
            f"returns one term per observation, sum them."
        )


def _check_value(result: Any, like: jax.ShapeDtypeStruct, name: str = _NAME) -> None:
    _check_scalar(result, like, name)
    if not jnp.issubdtype(result.dtype, jnp.floating):
        raise TypeError(
            f"{name} must return a real floating-point number, got dtype {result.dtype}."
        )
    if result.dtype != like.dtype:
        raise TypeError(
            f"{name} returns {result.dtype} for a point of {like.dtype}; return the "
            f"dtype of the point, e.g. with .astype(x.dtype)."
        )


def _check_gradient(
    target: Any, estimator: Estimator, like: jax.ShapeDtypeStruct, key: tuple
) -> None:
    """Raises ValueError if the estimator needs a gradient and the target has none."""
    name = type(estimator).__name__
    letter = " (S in the codename)" if name == "Stein" else ""
    need = (
        f"the natural-gradient estimator of this config, {name}{letter}, needs the gradient "
        f"of the log density ({_name_of(target)})"
    )
    cure = (
        "Take a zero-order estimator, Z in place of S in the codename (vips(), ZAMTRUX), or "
        "give the target a gradient: a method value_and_grad(point), or "
        "densities.black_box(f, gradient=...)."
    )
    if not has_gradient(target):
        raise ValueError(f"{need}, which has none (its has_gradient is False). {cure}")
    try:
        result: Any = jax.eval_shape(
            lambda *arguments: value_and_gradient(target)(*arguments), like, *key
        )
    except Exception as error:
        raise ValueError(f"{need}, which cannot be differentiated: {error} {cure}") from error
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(
            f"value_and_grad of the log density must return the log density and its gradient, a "
            f"pair; got {type(result).__name__}."
        )
    _check_value(result[0], like, "value_and_grad of the log density")
    _check_array(result[1], like.shape, like.dtype, "the gradient of the log density")


def _name_of(target: Any) -> str:
    target = target.function if isinstance(target, StaticCallable) else target
    return getattr(target, "__name__", type(target).__name__)


def _check_vectorised(target: Any, like: jax.ShapeDtypeStruct, key: tuple) -> None:
    """Raises ValueError if ``jax.vmap`` cannot vectorise the target."""
    points = jax.ShapeDtypeStruct((2, *like.shape), like.dtype)
    keys = tuple(jax.random.split(one, 2) for one in key)
    try:
        jax.eval_shape(jax.vmap(lambda *arguments: target(*arguments)), points, *keys)
    except Exception as error:
        raise ValueError(
            f"the log density can be called with one point, but not under jax.vmap, with many: "
            f"{type(error).__name__}: {error} A callback needs a vmap_method; or wrap its function "
            f"of numpy: densities.black_box(f)."
        ) from error


def _check_batch(target: Any, like: jax.ShapeDtypeStruct, with_gradient: bool) -> None:
    """Raises TypeError if ``evaluate_batch`` returns something else than it must."""
    points = jax.ShapeDtypeStruct((2, *like.shape), like.dtype)
    num_live = jax.ShapeDtypeStruct((), jnp.int32)
    result: Any = jax.eval_shape(
        lambda points, num_live: target.evaluate_batch(points, num_live, with_gradient),
        points,
        num_live,
    )
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(
            f"evaluate_batch of the log density must return log densities and gradients (None if "
            f"they are not wanted), a pair; got {type(result).__name__}."
        )
    name = "evaluate_batch"
    _check_array(result[0], (2,), like.dtype, f"the log densities of {name}, for 2 points,")
    if with_gradient:
        shape = (2, *like.shape)
        _check_array(result[1], shape, like.dtype, f"the gradients of {name}, for 2 points,")


def _check_array(array: Any, shape: tuple[int, ...], dtype: Any, what: str) -> None:
    found = getattr(array, "shape", None), getattr(array, "dtype", None)
    if found != (shape, dtype):
        raise TypeError(
            f"{what} must have shape {shape} and dtype {dtype}, got {found[0]} and {found[1]}."
        )
