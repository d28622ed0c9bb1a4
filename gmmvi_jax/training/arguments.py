"""The arguments of ``train`` and ``train_many``, in the forms that users have them.

Every function here runs before anything is compiled. Errors name the argument and the cure.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from gmmvi_jax.config import Config, require_config
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.requirements import require_seed
from gmmvi_jax.training.sample_exchange import require_samples
from gmmvi_jax.typing import Array


def check_call(config: Any, log_target: Any) -> None:
    """Raises TypeError unless ``config`` is one; that ``log_target`` may be it is told."""
    if isinstance(log_target, Config) and not isinstance(config, Config):
        raise TypeError("config and log_target are swapped: train(config, log_target).")
    require_config(config)


def check_rest(samples: Any, progress: Any) -> None:
    """Raises TypeError where one of these cannot be used."""
    if samples is not None:
        require_samples(samples)
    if progress is not None and not isinstance(progress, bool | np.bool_):
        raise TypeError(f"progress must be True, False or None, got {progress!r}.")


def as_callbacks(callbacks: Any) -> tuple[Callable[..., Any], ...]:
    """Returns the callbacks as a tuple; a single one may come by itself.

    Raises:
        TypeError: one cannot be called.
    """
    several = _functions(callbacks)
    if several is None:
        raise TypeError(
            f"callbacks must be a function of the state and the row of the history, or several "
            f"functions; got {callbacks!r}."
        )
    given = "the state and the row of the history"
    cure = "of gmmvi_jax.callbacks give what csv('run.csv') and the like return"
    return tuple(called_with("callbacks", callback, 2, given, cure) for callback in several)


def as_rules(until: Any) -> tuple[Callable[..., Any], ...]:
    """Returns the stopping rules as a tuple; a single one may come by itself.

    Raises:
        TypeError: one cannot be called.
    """
    several = _functions(until)
    if several is None:
        raise TypeError(
            f"until must be a stopping rule such as Convergence(), or several; got {until!r}."
        )
    given = "the rows of the history"
    cure = "give a rule such as Convergence(), or a function that returns an Ending or None"
    return tuple(called_with("until", rule, 1, given, cure) for rule in several)


def _functions(value: Any) -> tuple[Any, ...] | None:
    """Returns one function or several as a tuple; None if it is neither."""
    if callable(value):
        return (value,)
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(value) if is_sequence and all(map(callable, value)) else None


def called_with(
    argument: str, function: Callable[..., Any], count: int, given: str, cure: str
) -> Callable[..., Any]:
    """Returns a function of the user's; raises TypeError if it cannot be called as it will be.

    Args:
        argument: whose value it is, or one of its values.
        function: callable; a class is refused, since what it makes is meant.
        count: of the positional arguments.
        given: what these are, for the message.
        cure: for the message.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, type):
        raise TypeError(f"{argument}: {name} is a class, not a function of {given}; {cure}.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C
        return function
    try:
        signature.bind(*[None] * count)
    except TypeError as error:
        raise TypeError(
            f"{argument}: {name} is called with {given}, which {name}{signature} does not take; "
            f"{cure}."
        ) from error
    return function


def as_seeds(seeds: Any) -> tuple[int, ...]:
    """Returns the seeds as a tuple of integers.

    Raises:
        TypeError: it is a single number.
        ValueError: it is empty, one is no integer from 0 to 2**32 - 1, or one is there twice.
    """
    if not isinstance(seeds, Sequence | range) and np.ndim(seeds) == 0:
        cure = f"; pass range({seeds}) for {seeds} runs" if isinstance(seeds, int) else ""
        raise TypeError(f"seeds must be a sequence of integers, got {seeds!r}{cure}.")
    if len(seeds) == 0:
        raise ValueError("seeds is empty; pass one seed per run, e.g. range(4).")
    found: list[int] = []
    for index, given in enumerate(seeds):
        own: Any = given
        if isinstance(own, jax.Array | np.ndarray) and own.ndim == 0:
            own = own.item()
        seed = require_seed(f"seeds[{index}]", own)
        if seed in found:
            raise ValueError(
                f"seeds holds {seed} twice, at position {index} again: the runs would be equal."
            )
        found.append(seed)
    return tuple(found)


def as_target(log_target: Callable[..., Array], config: Config, name: str = "log_target") -> Any:
    """Returns the target as a callable pytree of a vector.

    Args:
        log_target: of one point; or of one pytree, if the config was made from an example of it.
        config: of the run.
        name: of the argument, for the message.
    """
    if isinstance(log_target, PytreeTarget):
        return log_target
    target = as_log_density(log_target, name)
    return target if config.layout is None else PytreeTarget(target, config.layout)
