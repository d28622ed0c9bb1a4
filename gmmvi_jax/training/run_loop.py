"""The loop over chunks of steps: what goes on between them, and how it ends."""

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
    """What the loop calls; a state holds one run or several.

    Attributes:
        advance: takes some steps: (state, count) to (state, infos). It may raise what the target
            raises on the host.
        mixtures: of a state, one per run.
        summarise: (state, infos, count) to a row of the history per run, and what ends this run, if
            anything does.
        follow_up: (state, rows) to whether to stop: checkpoint, callbacks.
        may_raise: whether ``advance`` can fail half-way, so that a copy of the state must be kept.
    """

    advance: Callable[[Any, int], tuple[Any, Any]]
    mixtures: Callable[[Any], Sequence[GMM]]
    summarise: Callable[[Any, Any, int], Summaries]
    follow_up: Callable[[Any, Sequence[Row]], bool]
    may_raise: bool


class Outcome(NamedTuple):
    """Where the loop ended.

    Attributes:
        state: the last good one.
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
    """Takes the run's iterations in chunks, until they are done or something ends them.

    An error before the first chunk is complete is raised, since nothing is lost by it. Later ones
    end the runs with status FAILED and the state before.

    Args:
        chunks: what to call.
        state: at the start; may be donated.
        run: number of iterations, and of steps per chunk.
        num_runs: how many runs the state holds.
        interrupts: asked after every chunk.
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
    if "Traceback" in text:  # of an error on the host; its last line is the user's own
        text = text.rstrip().splitlines()[-1]
    return Ending(Status.FAILED, text, error)
