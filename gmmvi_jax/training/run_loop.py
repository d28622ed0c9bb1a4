"""The loop over chunks of steps on the host."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Run
from gmmvi_jax.densities.host_errors import own_errors, place_of
from gmmvi_jax.gmm import GMM
from gmmvi_jax.training.history import History
from gmmvi_jax.training.interrupts import Interrupts
from gmmvi_jax.training.memory import memory_errors
from gmmvi_jax.training.status import COMPLETED, Ending, Status

Row = dict[str, Any]


class Report(NamedTuple):
    """What there is to say of one run after a chunk.

    Attributes:
        gmm: its mixture.
        row: of the history.
        ending: what ends the run, if anything does.
    """

    gmm: GMM
    row: Row
    ending: Ending | None


class Chunks(NamedTuple):
    """What the loop calls; a state holds one run or several.

    Attributes:
        advance: takes some steps: (state, count, which runs go on) to (state, infos). It may raise
            what the target raises on the host.
        report: (state, infos, count, which runs went on) to a report per run, None of the others.
        keep: (state, mixtures, those a chunk before, histories, endings so far): what goes to the
            disk while the runs go on.
        follow_up: (state, last rows) to whether to stop: callbacks.
        grow: (state, mixtures, histories) to the state to go on with; its components may have been
            split.
        reopen: (state, mixtures, histories) of runs that have converged to the state to go on with,
            None if they have found everything.
        most_steps: (rows of the history of a run, steps of a chunk) to how many the next one takes.
        judge: rows of the history of a run to what ends it, if anything does: stopping rules.
        agree: whether to stop, and whether the user has asked for the end, as all processes see it.
        may_raise: whether ``advance`` can fail half-way, so that a copy of the state must be kept.
    """

    advance: Callable[[Any, int, Sequence[bool]], tuple[Any, Any]]
    report: Callable[[Any, Any, int, Sequence[bool]], Sequence[Report | None]]
    keep: Callable[
        [Any, Sequence[GMM], Sequence[GMM], Sequence[History], Sequence[Ending | None]], None
    ]
    follow_up: Callable[[Any, Sequence[Row]], bool]
    grow: Callable[[Any, Sequence[GMM], Sequence[History]], Any]
    reopen: Callable[[Any, Sequence[GMM], Sequence[History]], Any | None]
    most_steps: Callable[[Sequence[Row], int], int]
    judge: Callable[[Sequence[Row]], Ending | None]
    agree: Callable[[Sequence[bool]], Sequence[bool]]
    may_raise: bool


class Standing(NamedTuple):
    """Where the loop starts: the first time, or after an earlier process.

    Attributes:
        state: of the runs; may be donated.
        gmms: its mixtures, one per run.
        previous: the mixtures a chunk before.
        histories: one per run, empty the first time.
        endings: one per run, None of one that goes on.
    """

    state: Any
    gmms: Sequence[GMM]
    previous: Sequence[GMM]
    histories: Sequence[History]
    endings: Sequence[Ending | None]

    @property
    def iterations(self) -> list[int]:
        """How many iterations of each run are in its history."""
        rows = [history.rows for history in self.histories]
        return [own[-1]["iteration"] if own else 0 for own in rows]


class Outcome(NamedTuple):
    """Where the loop ended.

    Attributes:
        state: the last good one.
        gmms: its mixtures, one per run.
        previous: the mixtures before the last chunk.
        histories: one per run.
        endings: one per run.
    """

    state: Any
    gmms: Sequence[GMM]
    previous: Sequence[GMM]
    histories: Sequence[History]
    endings: Sequence[Ending]


def run_chunks(chunks: Chunks, start: Standing, run: Run, interrupts: Interrupts) -> Outcome:
    """Takes the run's iterations in chunks, until they are done or something ends them.

    An error before the first chunk is complete is raised, since nothing is lost by it. Later ones
    end the runs with status FAILED and the state before.

    Args:
        chunks: what to call.
        start: of the loop.
        run: number of iterations, those in the histories included; and of steps per chunk.
        interrupts: asked after every chunk.
    """
    state, gmms, previous, histories = start[:4]
    endings: list[Ending | None] = list(start.endings)
    left = [run.num_iterations - done for done in start.iterations]
    is_first = True

    def which_go_on() -> list[bool]:
        return [own is None and more > 0 for own, more in zip(endings, left, strict=True)]

    def end_all(ending: Ending) -> Outcome:
        final = [ending if own is None else own for own in endings]
        return Outcome(state, gmms, previous, histories, final)

    if any(which_go_on()) and all(history.rows for history in histories):
        state = chunks.grow(state, gmms, histories)
    while any(is_live := which_go_on()):
        num_steps = min(run.log_every, *itertools.compress(left, is_live))
        for history in itertools.compress(histories, is_live):
            num_steps = chunks.most_steps(history.rows, num_steps)
        kept = jax.tree.map(jnp.copy, state) if chunks.may_raise and not is_first else None
        try:
            with own_errors(), memory_errors():
                advanced, infos = chunks.advance(state, num_steps, is_live)
                reports = chunks.report(advanced, infos, num_steps, is_live)
        except Exception as error:
            if is_first or (kept is None and _is_donated(state)):
                raise
            state = state if kept is None else kept
            return end_all(_failure(error))
        state = advanced
        previous = _chosen(is_live, gmms, previous)
        gmms = [own if new is None else new.gmm for own, new in zip(gmms, reports, strict=True)]
        left = _chosen(is_live, [more - num_steps for more in left], left)
        _note(reports, histories, endings, chunks.judge, is_first)
        is_first, goes_on = False, any(which_go_on())
        if goes_on:
            chunks.keep(state, gmms, previous, histories, list(endings))
        try:
            stop = chunks.follow_up(state, [history.last for history in histories])
        except Exception as error:
            return end_all(_failure(error))
        if all(ending is not None for ending in endings):
            asked = (stop or max(left) == 0, interrupts.requested)
            reopened = _reopened(chunks, state, gmms, histories, endings, asked)
            if reopened is None:
                break
            state, endings[:] = reopened, [None for _ in endings]
            continue
        stop, is_interrupted = chunks.agree((stop, interrupts.requested))
        if stop:
            return end_all(Ending(Status.STOPPED))
        if is_interrupted and goes_on:
            return end_all(Ending(Status.INTERRUPTED))
        try:
            with memory_errors():
                state = chunks.grow(state, gmms, histories) if goes_on else state
        except Exception as error:
            return end_all(_failure(error))
    return end_all(COMPLETED)


def _chosen(is_first: Sequence[bool], first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return [one if own else other for own, one, other in zip(is_first, first, second, strict=True)]


def _note(
    reports: Sequence[Report | None],
    histories: Sequence[History],
    endings: list[Ending | None],
    judge: Callable[[Sequence[Row]], Ending | None],
    is_first: bool,
) -> None:
    """Adds rows to the histories of the runs that went on, and their endings.

    Raises:
        Exception: what each of the runs has failed with, if it is their first chunk.
    """
    for index, (report, history) in enumerate(zip(reports, histories, strict=True)):
        if report is not None:
            history.append(report.row)
            endings[index] = report.ending
    if is_first:
        _raise_if_all_failed(endings)
    for index, history in enumerate(histories):
        if endings[index] is None:
            endings[index] = _judged(judge, history)


def _raise_if_all_failed(endings: Sequence[Ending | None]) -> None:
    errors = [ending.error for ending in endings if ending is not None and ending.error]
    if len(errors) == len(endings):
        raise errors[0]


def _reopened(
    chunks: Chunks,
    state: Any,
    gmms: Sequence[GMM],
    histories: Sequence[History],
    endings: list[Ending | None],
    asked: Sequence[bool],
) -> Any | None:
    """Returns the state that runs go on with after all, None if they end; an error is an ending.

    Args:
        chunks: what to call.
        state: of the runs.
        gmms: their mixtures.
        histories: of the runs.
        endings: one per run; all have one.
        asked: whether somebody wants the end, in this process; all processes must see that alike.
    """
    if any(ending is None or ending.status is not Status.CONVERGED for ending in endings):
        return None
    if any(chunks.agree(asked)):
        return None
    try:
        return chunks.reopen(state, gmms, histories)
    except Exception as error:
        endings[:] = [_failure(error) for _ in endings]
        return None


def _is_donated(state: Any) -> bool:
    """Returns whether the arrays of a state have gone into a step that failed."""
    return any(leaf.is_deleted() for leaf in jax.tree.leaves(state))


def _judged(judge: Callable[[Sequence[Row]], Ending | None], history: History) -> Ending | None:
    """Returns what the rules say of a run; an error of theirs ends it, and loses nothing."""
    try:
        return judge(history.rows)
    except Exception as error:
        return _failure(error)


def _failure(error: Exception) -> Ending:
    text = f"{type(error).__name__}: {error}"
    if "Traceback" in text:  # an error in host code; the last line is the user's exception
        text = text.rstrip().splitlines()[-1]
    place = place_of(error)
    text = f"{text} ({place})" if place else text
    return Ending(Status.FAILED, text, error)
