"""The loop over chunks of steps on the host."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Run
from gmmvi_jax.gmm import GMM
from gmmvi_jax.training.history import History
from gmmvi_jax.training.interrupts import Interrupts
from gmmvi_jax.training.status import COMPLETED, Ending, Status

Row = dict[str, Any]
Summaries = Sequence[tuple[Row, Ending | None]]


class Chunks(NamedTuple):
    """The functions that the loop calls; a state holds one or several runs.

    Attributes:
        advance: (state, count) -> (state, infos), takes steps. It may raise an exception of the
            target's host code.
        mixtures: state -> one mixture per run.
        summarise: (state, infos, count) -> for each run a row of the history, and its ending or
            None.
        follow_up: (state, rows) -> whether to stop; writes checkpoints and runs callbacks.
        may_raise: whether ``advance`` can fail halfway, so that a copy of the state must be kept.
    """

    advance: Callable[[Any, int], tuple[Any, Any]]
    mixtures: Callable[[Any], Sequence[GMM]]
    summarise: Callable[[Any, Any, int], Summaries]
    follow_up: Callable[[Any, Sequence[Row]], bool]
    may_raise: bool


class Outcome(NamedTuple):
    """The outcome of the loop.

    Attributes:
        state: the last valid state.
        previous: the mixtures before the last chunk.
        histories: one per run.
        endings: one per run.
    """

    state: Any
    previous: Sequence[GMM]
    histories: Sequence[History]
    endings: Sequence[Ending]


def run_chunks(
    chunks: Chunks, state: Any, run: Run, num_runs: int, interrupts: Interrupts
) -> Outcome:
    """Takes the run's iterations in chunks until all are done or the run ends early.

    An error in the first chunk is raised. Later errors end the runs with status FAILED and the
    state before the chunk.

    Args:
        chunks: the functions to call.
        state: initial state; may be donated.
        run: number of iterations, and of steps per chunk.
        num_runs: number of runs in the state.
        interrupts: checked after every chunk.
    """
    histories = [History() for _ in range(num_runs)]
    endings: list[Ending | None] = [None] * num_runs
    previous = chunks.mixtures(state)
    remaining = run.num_iterations

    def end_all(ending: Ending) -> Outcome:
        final = [ending if own is None else own for own in endings]
        return Outcome(state, previous, histories, final)

    while remaining > 0:
        num_steps = min(run.log_every, remaining)
        is_first = remaining == run.num_iterations
        kept = jax.tree.map(jnp.copy, state) if chunks.may_raise and not is_first else None
        before = chunks.mixtures(state)
        try:
            advanced, infos = chunks.advance(state, num_steps)
            summaries = chunks.summarise(advanced, infos, num_steps)
        except Exception as error:
            if kept is None:
                raise
            state = kept
            return end_all(_failure(error))
        state, previous = advanced, before
        remaining -= num_steps
        rows = [row for row, _ in summaries]
        for index, (row, ending) in enumerate(summaries):
            histories[index].append(row)
            endings[index] = endings[index] or ending
        errors = [ending.error for ending in endings if ending is not None and ending.error]
        if is_first and len(errors) == num_runs:
            raise errors[0]
        try:
            stop = chunks.follow_up(state, rows)
        except Exception as error:
            return end_all(_failure(error))
        if all(ending is not None for ending in endings):
            break
        if stop:
            return end_all(Ending(Status.STOPPED))
        if interrupts.requested and remaining > 0:
            return end_all(Ending(Status.INTERRUPTED))
    return end_all(COMPLETED)


def _failure(error: Exception) -> Ending:
    text = f"{type(error).__name__}: {error}"
    if "Traceback" in text:  # an error in host code; the last line is the user's exception
        text = text.rstrip().splitlines()[-1]
    return Ending(Status.FAILED, text, error)
