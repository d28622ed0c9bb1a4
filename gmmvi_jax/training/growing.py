"""What ``fit`` changes of a run between chunks: it splits components, or adds missing ones."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.splitting import split
from gmmvi_jax.init import restart, with_component
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.history import History
from gmmvi_jax.training.log import log_reopened, log_split
from gmmvi_jax.training.request import Request
from gmmvi_jax.training.watch import Watch


def grow(
    request: Request, state: TrainState, gmms: Sequence[GMM], histories: Sequence[History]
) -> TrainState:
    """Returns the state to go on with; its components are split where that is due."""
    if request.splitting is None:
        return state
    (gmm,), (history,) = gmms, histories
    count = request.splitting(history.rows)
    if count is None:
        return state
    log_split(history.last["iteration"], gmm.num_components, count)
    generator = np.random.default_rng((request.config.run.seed, history.last["iteration"]))
    return restart(request.config.algorithm, state, split(gmm, count, generator))


def reopen(
    request: Request,
    watch: Watch,
    state: TrainState,
    gmms: Sequence[GMM],
    histories: Sequence[History],
) -> TrainState | None:
    """Returns the state with components where a converged run lacks mass, None if nowhere."""
    if request.last_look is None:
        return None
    (gmm,), (history,) = gmms, histories
    if not request.last_look.is_due(history.rows):
        return None
    iteration = history.last["iteration"]
    key = jax.random.fold_in(typed_key(request.config.run.seed), iteration)
    missing, spent = request.last_look(gmm, request.target, key, history.last)
    watch.num_evaluations += spent
    history.last["num_diagnostic_evaluations"] = watch.num_evaluations
    if not missing:
        return None
    log_reopened(iteration, [part.share for part in missing])
    for part in missing:
        state = with_component(request.config.algorithm, state, *map(jnp.asarray, part))
    return state
