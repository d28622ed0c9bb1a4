"""Checks of single settings: numbers, counts, booleans.

Every error names the setting, its value and the fix. Tracers (a user vmaps over a hyperparameter)
cannot be checked and are accepted.
"""

import typing
from types import ModuleType
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

MOST_ROWS = 2**31 - 1  # indices are int32
_MOST_SHOWN = 60  # characters
_NUM_SEEDS = 2**32  # that have different keys in any precision


def is_traced(value: Any) -> bool:
    """Returns whether ``value`` is a tracer, whose value is not known yet."""
    return isinstance(value, jax.core.Tracer)


def require(condition: Any, message: str) -> None:
    """Raises ValueError with ``message`` unless ``condition`` holds everywhere."""
    if not is_traced(condition) and not np.all(condition):
        raise ValueError(message)


def require_static(name: str, value: Any) -> None:
    """Raises ValueError where ``value`` is traced, and a compiled program needs it."""
    if is_traced(value):
        raise ValueError(
            f"{name} must be known when a program is compiled, got {value!r}; sweep over it in a "
            f"loop, not by jax.vmap or jax.jit."
        )


def require_bool(name: str, value: Any) -> bool:
    """Returns ``value``; raises ValueError unless it is True or False."""
    require_static(name, value)
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def require_int(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """Returns ``value``; raises ValueError unless it is an integer from ``least`` to ``most``."""
    require_static(name, value)
    is_int = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_int or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise ValueError(f"{name} must be an integer{bound}, got {value!r}.")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}, got {value}.")
    return int(value)


def require_count(name: str, value: Any, least: int = 1) -> int:
    """Returns ``value`` as an int, which may be given as ``1e4``; see ``require_int``."""
    is_whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return require_int(name, int(value) if is_whole else value, least)


def require_seed(name: str, value: Any) -> int:
    """Returns ``value``; raises ValueError unless it is an integer from 0 to 2**32 - 1.

    ``jax.random.key`` keeps the last 32 bits of a seed, of negative ones too, unless
    ``jax_enable_x64`` is set. Within this range the key does not depend on that.
    """
    seed = require_int(name, value, least=0)
    if seed >= _NUM_SEEDS:
        raise ValueError(
            f"{name} must be less than 2**32, got {seed}: JAX's keys keep 32 bits of a seed, and "
            f"others would repeat runs; pass {seed % _NUM_SEEDS}, what is left modulo 2**32."
        )
    return seed


def require_num_samples(value: Any, least: int = 1) -> int:
    """Returns ``num_samples``; raises ValueError where arrays cannot have as many rows."""
    return require_int("num_samples", value, least, MOST_ROWS)


def require_function(name: str, value: Any, of_what: str = "") -> None:
    """Raises TypeError unless ``value`` can be called; ``of_what`` says with which arguments."""
    if not callable(value):
        raise TypeError(f"{name} must be a function{of_what}, got {shown(value)}.")


def require_array(name: str, value: Any) -> jax.Array:
    """Returns ``value`` as an array of real numbers; raises TypeError unless it is one."""
    return _real_array(name, value, jnp)


def require_host_array(name: str, value: Any) -> np.ndarray:
    """Returns ``value`` as NumPy's array, in its own precision; see ``require_array``."""
    return _real_array(name, value, np)


def _real_array(name: str, value: Any, module: ModuleType) -> Any:
    try:
        array = module.asarray(value)
        kinds = (jnp.floating, jnp.integer, jnp.bool_)
        is_real = any(jnp.issubdtype(array.dtype, kind) for kind in kinds)
    except (TypeError, ValueError, OverflowError):
        is_real, array = False, None
    if not is_real:
        raise TypeError(f"{name} must be an array of real numbers, got {shown(value)}.")
    return array


def require_ratios(name: str, value: Any) -> jax.Array:
    """Returns [N] floating-point numbers, at least one; raises an error unless they are that."""
    array = require_array(name, value)
    require(array.ndim == 1 and len(array), f"{name} must have shape (N,), got {array.shape}.")
    return array.astype(jnp.result_type(array.dtype, float))


def require_rows(name: str, value: Any, dim: int | None = None) -> np.ndarray:
    """Returns [N, D] float64 points, a row each; raises an error unless they have this shape.

    Raises:
        TypeError: the values are no real numbers.
        ValueError: the shape is another one.
    """
    array = require_host_array(name, value)
    if array.ndim != 2 or array.shape[1] == 0 or (dim is not None and array.shape[1] != dim):
        columns = "D" if dim is None else dim
        raise ValueError(f"{name} has shape {array.shape}; give [N, {columns}], a row for each.")
    return array.astype(float)


def shown(value: Any) -> str:
    """Returns a value of the wrong type for a message, with its type; shortened, in one line."""
    if hasattr(value, "dtype"):
        return f"{type(value).__name__} of {value.dtype} and shape {np.shape(value)}"
    text = " ".join(repr(value).split())
    text = text if len(text) < _MOST_SHOWN else f"{text[: _MOST_SHOWN - 4]} ..."
    return f"{type(value).__name__} {text}"


def is_real_number(value: Any) -> bool:
    """Returns whether ``value`` is a single number, which may be infinite or NaN.

    Of Python, of NumPy, or in an array without axes; a boolean is none.
    """
    if isinstance(value, np.number | jax.Array | np.ndarray):
        kinds = (jnp.floating, jnp.integer)
        is_real = any(jnp.issubdtype(value.dtype, kind) for kind in kinds)
        return is_real and value.ndim == 0 and not is_traced(value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def require_number(name: str, value: Any) -> Any:
    """Returns ``value``; raises ValueError unless it is a finite real number (or numbers)."""
    if is_traced(value):
        return value
    try:
        kind = getattr(value, "dtype", None) or np.asarray(value).dtype
        is_real = jnp.issubdtype(kind, jnp.floating) or jnp.issubdtype(kind, jnp.integer)
    except ValueError:  # of lists of different lengths
        is_real = False
    if not is_real or not np.all(np.isfinite(np.asarray(value, np.float64))):
        raise ValueError(f"{name} must be a finite number, got {value!r}.")
    return value


def require_one_number(name: str, value: Any) -> Any:
    """Returns ``value``; raises ValueError unless it is a single finite real number."""
    require_number(name, value)
    require(np.ndim(value) == 0, f"{name} must be a single number, got {value!r}.")
    return value


def require_positive(name: str, value: Any) -> None:
    """Raises ValueError unless ``value`` is a finite number above 0."""
    require_number(name, value)
    require(value > 0.0, f"{name} must be positive, got {value}.")


def require_not_negative(name: str, value: Any) -> None:
    """Raises ValueError unless ``value`` is a finite number of at least 0."""
    require_number(name, value)
    require(value >= 0.0, f"{name} must not be negative, got {value}.")


def require_temperature(value: Any) -> Any:
    """Returns ``temperature``; raises ValueError unless float32 has it and it is positive."""
    require_one_number("temperature", value)
    if not is_traced(value) and not 0.0 < float(value) < float(jnp.finfo(jnp.float32).max):
        raise ValueError(f"temperature must be positive, and less than 3e38, got {value!r}.")
    return float(value) if isinstance(value, int) else value


def checked_setting(name: str, value: Any, annotation: Any) -> Any:
    """Returns the value of a setting, converted to the type that its builder declares.

    Args:
        name: of the setting.
        value: what the user gave.
        annotation: ``int``, ``float`` or ``bool``; or a union of one of them with None, and with a
            protocol where a function will do.

    Raises:
        ValueError: another type, or a number that is not finite.
    """
    kinds = typing.get_args(annotation) or (annotation,)
    if value is None and type(None) in kinds:
        return None
    if callable(value) and any(getattr(kind, "_is_protocol", False) for kind in kinds):
        return value
    if bool in kinds:
        return require_bool(name, value)
    if int in kinds:
        return require_int(name, value)
    number = require_one_number(name, value)
    return number if is_traced(number) else float(number)


def vector_setting(name: str, value: Any, dim: int, positive: bool = False) -> Any:
    """Returns [D] the setting, given as a number or a vector.

    Raises:
        ValueError: wrong shape, not finite in the dtype of the run, or not positive where it must
            be.
    """
    module = jnp if any(map(is_traced, jax.tree.leaves(value))) else np
    try:
        if any(isinstance(leaf, str) for leaf in jax.tree.leaves(value)):
            raise TypeError("a string is no number")
        array = module.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be a number or have shape ({dim},), got {value!r}."
        ) from error
    if array.shape not in ((), (1,), (dim,)):
        raise ValueError(
            f"{name} must be a number or have shape ({dim},), got shape {array.shape}; "
            f"full matrices are not supported here."
        )
    if is_traced(array):
        return jnp.broadcast_to(array, (dim,))
    dtype = jnp.result_type(float)
    if not np.all(np.abs(array) <= float(jnp.finfo(dtype).max)):
        raise ValueError(f"{name} must be finite (in {dtype}), got {value!r}.")
    if positive and not np.all(array > 0.0):
        raise ValueError(f"{name} must be positive, got {value!r}.")
    return np.broadcast_to(array, (dim,)).copy()


def require_variance(name: str, variance: Any, given: Any) -> None:
    """Raises ValueError if variances or their inverses overflow in the run's dtype.

    Args:
        name: of the setting that they come from.
        variance: [D].
        given: its value, for the message.
    """
    if is_traced(variance):
        return
    limits = jnp.finfo(jnp.result_type(float))
    if np.all((variance >= float(limits.tiny)) & (variance <= float(limits.max))):
        return
    is_scale = name == "prior_scale"
    power = 0.5 if is_scale else 1.0
    lowest, highest = float(limits.tiny) ** power, float(limits.max) ** power
    what = "its square, a variance," if is_scale else "the variance"
    raise ValueError(
        f"{name} must lie between {lowest:.1e} and {highest:.1e}, or {what} cannot be represented "
        f"in {limits.dtype}; got {given!r}. Scale the coordinates of the log density."
    )
