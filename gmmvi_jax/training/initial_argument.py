"""The argument ``initial``: what a run starts from, in the forms that users have it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.files.npz import format_of
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm import files as gmm_files
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.gmm.files import do_fit, named_arrays
from gmmvi_jax.lowrank import LowRankGMM
from gmmvi_jax.numerics.forms.choice import DIAGONAL
from gmmvi_jax.numerics.forms.low_rank import LowRank
from gmmvi_jax.numerics.forms.protocol import Form
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import shown
from gmmvi_jax.state import TrainState
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.training import state_files
from gmmvi_jax.training.many_result import TrainManyResult
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.run_directory import read_run

Initial: TypeAlias = Mixture | TrainState | TrainResult | str | os.PathLike[str]
Initials: TypeAlias = Initial | TrainManyResult | Sequence[Initial]


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
        f"initial must be a GMM or TMixture, a TrainState, a TrainResult or the path of a file "
        f"with one of them; got {shown(initial)}."
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
    if found == gmm_files.LOW_RANK_FORMAT.name:
        return LowRankGMM.load(path)
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
    _check_fit(mixture.dim, mixture.form, degrees is not None, config)
    if degrees is None and config.algorithm.initial_mixture.degrees is not None:
        raise ValueError(
            "initial is a state of Gaussian components, but the config has Student-t; give its "
            "mixture, state.gmm(), or make the config with components='gaussian'."
        )
    return state


def _fitting_mixture(gmm: Mixture, config: Config) -> Any:
    """Returns the mixture in the dtype of the run."""
    dtype = jnp.result_type(float)
    arrays = {name: jnp.asarray(array, dtype) for name, array in named_arrays(gmm).items()}
    if not do_fit(arrays):
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ValueError(f"initial has arrays that do not fit together, {shapes}; see GMM.")
    means = arrays["means"]
    _check_fit(means.shape[1], gmm.form, isinstance(gmm, TMixture), config)
    most = config.algorithm.max_components
    if len(means) > most:
        raise ValueError(
            f"initial has {len(means)} components, but max_components is {most}; raise it."
        )
    arrays["weights"] = jnp.exp(arrays.pop("log_weights"))
    for name, array in arrays.items():
        if name != "degrees" and not np.all(np.isfinite(array)):
            raise ValueError(
                f"initial has {name} that are not finite in {dtype}; start from others."
            )
    return jax.tree.map(lambda array: jnp.asarray(array, dtype), gmm)


def _check_fit(dim: int, form: Form, has_degrees: bool, config: Config) -> None:
    if dim != config.dim:
        raise ValueError(f"initial has dim {dim}, but the config was made for {config.dim}.")
    start = config.algorithm.initial_mixture
    if isinstance(form, LowRank) and start.rank != form.rank:
        raise ValueError(
            f"initial has covariances of rank {form.rank}, the config rank={start.rank}; make the "
            f"config with rank={form.rank}, or give LowRankGMM.of(initial, rank)."
        )
    is_diagonal = form == DIAGONAL
    if start.rank is None and is_diagonal != start.diagonal:
        raise ValueError(
            "initial and config differ in diagonal covariances; make the config with "
            f"diagonal={is_diagonal}."
        )
    if has_degrees and config.algorithm.initial_mixture.degrees is None:
        raise ValueError(
            "initial has Student-t components, but the config Gaussian ones; make it with "
            "components='student_t', or give initial.to_gmm()."
        )
