"""The arguments of ``train`` and ``train_many``, in the forms that users have them.

Every function here runs before anything is compiled. Errors name the argument and the cure.
"""

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config, require_config
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.files.npz import format_of
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm import files as gmm_files
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_seed, shown
from gmmvi_jax.state import TrainState
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.training import state_files
from gmmvi_jax.training.many_result import TrainManyResult
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.run_directory import read_run
from gmmvi_jax.training.sample_exchange import require_samples
from gmmvi_jax.typing import Array

Initial: TypeAlias = Mixture | TrainState | TrainResult | str | os.PathLike[str]
Initials: TypeAlias = Initial | TrainManyResult | Sequence[Initial]


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


def as_initial(initial: Any, config: Config) -> GMM | TrainState | None:
    """Returns what a run starts from: a mixture in its dtype, a state, or None.

    Args:
        initial: a mixture, a state, a result (its state is meant), or a file of one of these.
        config: of the run.

    Raises:
        TypeError: it is none of these.
        ValueError: it does not fit the config, it is not finite, or the file is of another kind.
        FileNotFoundError: there is no such file.
    """
    if isinstance(initial, str | os.PathLike):
        initial = _load(require_path("initial", initial), config)
    if isinstance(initial, TrainResult):
        initial = initial.state
    if initial is None:
        return None
    if isinstance(initial, TrainState):
        return _fitting_state(initial, config)
    if isinstance(initial, Mixture):
        return _fitting_mixture(initial, config)
    raise TypeError(
        f"initial must be a GMM, a TrainState, a TrainResult or the path of a file with one of "
        f"them; got {shown(initial)}."
    )


def as_initials(
    initial: Any, config: Config, seeds: Sequence[int]
) -> GMM | list[GMM | TrainState] | None:
    """Returns what several runs start from: one mixture for all, or one start for each.

    Args:
        initial: what ``as_initial`` takes, for all runs; or a sequence of it, one per run; or the
            result or the state of several runs.
        config: of the runs.
        seeds: of the runs. From one state every run goes on with the key of its own seed.

    Raises:
        TypeError, ValueError, FileNotFoundError: see ``as_initial``; or there is not one per seed.
    """
    if isinstance(initial, TrainManyResult):
        initial = initial.state
    if isinstance(initial, TrainState) and initial.iteration.ndim:
        initial = [initial.run(index) for index in range(len(initial.iteration))]
    if isinstance(initial, list | tuple) and not isinstance(initial, TrainState):
        if len(initial) != len(seeds):
            raise ValueError(
                f"initial has {len(initial)} starts for {len(seeds)} seeds; give one for each, or "
                f"one for all."
            )
        starts = [as_initial(one, config) for one in initial]
        if any(start is None for start in starts):
            raise TypeError("initial must have a start for every seed, got None among them.")
        return [start for start in starts if start is not None]
    one = as_initial(initial, config)
    if isinstance(one, TrainState):
        return [one._replace(rng_key=typed_key(seed)) for seed in seeds]
    return one


def _load(path: Path, config: Config) -> Mixture | TrainState:
    """Returns the mixture or the state in a file, whichever its header names; or of a run."""
    if path.is_dir():
        return read_run(path, config).state
    if not path.is_file():
        raise FileNotFoundError(f"initial: there is no file {path}.")
    found = format_of(path)
    if found == state_files.FORMAT.name:
        return state_files.load_state(path, config)
    if found == gmm_files.FORMAT.name:
        return GMM.load(path)
    if found == gmm_files.STUDENT_T_FORMAT.name:
        return TMixture.load(path)
    raise ValueError(
        f"initial: {path} is neither a state (save_state) nor a mixture (GMM.save); the directory "
        f"of a run (checkpoint=) will do as well."
    )


def _fitting_state(state: TrainState, config: Config) -> TrainState:
    mixture = state.mixture
    if mixture.log_weights.ndim != 1:
        raise ValueError(
            f"initial holds the states of {mixture.log_weights.shape[0]} runs; pick one, e.g. "
            f"state.run(0)."
        )
    degrees = mixture.gaussians.degrees
    _check_fit(mixture.dim, mixture.is_diagonal, degrees is not None, config)
    if degrees is None and config.algorithm.initial_mixture.degrees is not None:
        raise ValueError(
            "initial is a state of Gaussian components, but the config has Student-t; give its "
            "mixture, state.gmm(), or make the config with components='gaussian'."
        )
    return state


def _fitting_mixture(gmm: Mixture, config: Config) -> Any:
    """Returns the mixture in the dtype of the run."""
    dtype = jnp.result_type(float)
    fields = {
        name: jnp.asarray(getattr(gmm, name), dtype) for name in ("log_weights", "means", "factors")
    }
    log_weights, means, factors = fields.values()
    if (
        means.ndim != 2
        or log_weights.shape != means.shape[:1]
        or factors.shape not in (means.shape, (*means.shape, means.shape[-1]))
    ):
        shapes = {name: array.shape for name, array in fields.items()}
        raise ValueError(f"initial has arrays that do not fit together, {shapes}; see GMM.")
    _check_fit(means.shape[1], factors.ndim == 2, isinstance(gmm, TMixture), config)
    most = config.algorithm.max_components
    if len(means) > most:
        raise ValueError(
            f"initial has {len(means)} components, but max_components is {most}; raise it."
        )
    for name, array in (("weights", jnp.exp(log_weights)), ("means", means), ("factors", factors)):
        if not np.all(np.isfinite(array)):
            raise ValueError(
                f"initial has {name} that are not finite in {dtype}; start from others."
            )
    return jax.tree.map(lambda array: jnp.asarray(array, dtype), gmm)


def _check_fit(dim: int, is_diagonal: bool, has_degrees: bool, config: Config) -> None:
    if dim != config.dim:
        raise ValueError(f"initial has dim {dim}, but the config was made for {config.dim}.")
    if is_diagonal != config.algorithm.initial_mixture.diagonal:
        raise ValueError(
            "initial and config differ in diagonal covariances; make the config with "
            f"diagonal={is_diagonal}."
        )
    if has_degrees and config.algorithm.initial_mixture.degrees is None:
        raise ValueError(
            "initial has Student-t components, but the config Gaussian ones; make it with "
            "components='student_t', or give initial.to_gmm()."
        )


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
