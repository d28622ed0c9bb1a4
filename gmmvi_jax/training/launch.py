"""What ``train`` and ``train_many`` share: from checked arguments to where the loop ends."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from gmmvi_jax.config import Algorithm, Config
from gmmvi_jax.mixture.padded import to_gmm
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.training.answers import is_stop
from gmmvi_jax.training.compile_ahead import compile_ahead
from gmmvi_jax.training.elbo_between_chunks import Estimate, elbo_between_chunks
from gmmvi_jax.training.growing import grow, reopen
from gmmvi_jax.training.history import History, run_counters, summarise
from gmmvi_jax.training.interrupts import call_on_thread, catch_interrupts, wait_for
from gmmvi_jax.training.keeper import snapshots_of
from gmmvi_jax.training.kept_run import KeptRuns
from gmmvi_jax.training.log import log_chunk, log_end
from gmmvi_jax.training.memory import check_memory, memory_errors
from gmmvi_jax.training.processes import is_first, is_spread_over_processes, of_any, of_first
from gmmvi_jax.training.progress import ProgressBar
from gmmvi_jax.training.request import Request
from gmmvi_jax.training.run_loop import Chunks, Outcome, Report, Row, Standing, run_chunks
from gmmvi_jax.training.runs import Runs, copied
from gmmvi_jax.training.sample_exchange import check_samples, import_samples
from gmmvi_jax.training.snapshot import Snapshot
from gmmvi_jax.training.status import COMPLETED, Ending, Status
from gmmvi_jax.training.stopping import Begun, first_ending, most_steps
from gmmvi_jax.training.watch import Watch, first_memory, resume_watch, start_watch

_fitted = jax.jit(Algorithm.fitted)


def launch(
    request: Request,
    runs: Runs,
    rows_of: Callable[[Sequence[Row]], Any],
    kept: KeptRuns,
    begun_endings: Sequence[Ending | None],
    target_centre: np.ndarray | None = None,
) -> Outcome:
    """Runs all iterations, or as many as there are before something ends them.

    Args:
        request: what is asked for.
        runs: one, or several.
        rows_of: makes of the rows of the runs what callbacks are given.
        kept: what is on the disk of them.
        begun_endings: one for each run, None of one that begins or goes on.
        target_centre: see ``Snapshot``.
    """
    config, begun, keeper = request.config, kept.begun, kept.keeper
    seconds = max((own.rows[-1]["wall_time"] for own in begun), default=0.0)
    request = request._replace(start_time=request.start_time - seconds)
    with catch_interrupts() as interrupts, memory_errors():
        targets = request.targets(len(runs.keys))
        watches = _watches(request, targets, runs, begun)
        snapshots = partial(snapshots_of, runs.configs, runs.keys, watches, target_centre, targets)
        state, estimate_elbo = _compile(request, runs)
        start = _standing(config, runs, state, begun, begun_endings)
        num_left = config.run.num_iterations - min(start.iterations)
        with ProgressBar(num_left, request.until, enabled=_shows_progress(request)) as bar:

            def keep(state: TrainState, *rest: Any) -> None:
                if keeper is not None:  # beside the next chunk, which donates the state
                    keeper.offer(lambda: snapshots(runs.copies(state), *rest))

            called = _Called(estimate_elbo, rows_of, keep, bar)
            chunks = _chunks(request, runs, targets, watches, called, _begun(state, runs, watches))
            interrupts.defer()
            outcome = run_chunks(chunks, start, config.run, interrupts)
    outcome = outcome._replace(endings=_conclude(request, watches, outcome))
    if keeper is not None:
        keeper.finish(snapshots(runs.split(outcome.state), *outcome[1:]))
    return outcome


class _Called(NamedTuple):
    """What is called after every chunk."""

    estimate_elbo: Estimate
    rows_of: Callable[[Sequence[Row]], Any]
    keep: Callable[..., None]
    bar: ProgressBar


def _chunks(
    request: Request,
    runs: Runs,
    targets: Sequence[Any],
    watches: Sequence[Watch],
    called: _Called,
    begun: Begun,
) -> Chunks:
    """Returns what the loop calls."""

    def report(
        state: TrainState, infos: StepInfo, num_steps: int, is_live: Sequence[bool]
    ) -> list[Report | None]:
        on_host = jax.device_get((run_counters(state), infos))
        parts = map(runs.split, (_looked_at(state), *on_host))
        reports = [
            _report(request, called.estimate_elbo, *run, num_steps=num_steps) if own else None
            for own, *run in zip(is_live, targets, watches, runs.keys, *parts, strict=True)
        ]
        called.bar.update(num_steps, [report and report.row for report in reports])
        return reports

    def follow_up(state: TrainState, rows: Sequence[Row]) -> bool:
        if not request.callbacks or not is_first(request.mesh):
            return False
        # The next chunk donates the state; a callback may keep these copies.
        own, given = copied(runs.without_copies(state)), called.rows_of([dict(row) for row in rows])
        return any([is_stop(callback(own, given)) for callback in request.callbacks])

    return Chunks(
        grow=partial(grow, request),
        reopen=partial(reopen, request, watches[0]),
        advance=partial(_advance, runs, watches[0].target_calls_host),
        report=report,
        keep=called.keep,
        follow_up=follow_up,
        most_steps=partial(most_steps, request.until, begun),
        judge=partial(first_ending, request.until),
        agree=partial(of_any, mesh=request.mesh),
        may_raise=watches[0].target_calls_host or is_spread_over_processes(request.mesh),
    )


def _begun(state: TrainState, runs: Runs, watches: Sequence[Watch]) -> Begun:
    """Returns what is known of the runs before their first chunk; of the dearest."""
    counters = runs.split(jax.device_get(run_counters(state)))
    spent = max(int(own.num_target_evaluations) for own in counters)
    spent += max(watch.num_evaluations for watch in watches)
    spent += max(config.run.diagnostic_samples for config in runs.configs)
    count = max(int(own.num_components) for own in counters)
    selectors = [config.algorithm.sample_selector for config in runs.configs]
    of_a_step, with_one_more = (
        max(selector.max_samples(number) for selector in selectors) for number in (count, count + 1)
    )
    return Begun(spent, of_a_step, with_one_more - of_a_step)


def _looked_at(state: TrainState) -> Any:
    """Returns the state without what is large and no report looks at."""
    return state._replace(database=state.database._replace(archive=None, densities=None))


def _shows_progress(request: Request) -> bool:
    return request.progress and is_first(request.mesh)


def _watches(
    request: Request, targets: Sequence[Any], runs: Runs, begun: Sequence[Snapshot]
) -> list[Watch]:
    """Returns a watch over each run; the first target is evaluated if it has not been before."""
    config, (target, *others), layout = request.config, targets, request.layout
    if begun:
        counts = [snapshot.rows[-1]["num_diagnostic_evaluations"] for snapshot in begun]
        first = resume_watch(config, target, layout, begun[0].watch, counts[0])
        rest = zip(others, begun[1:], counts[1:], strict=True)
        return [first, *(first.another(other, own.watch, count) for other, own, count in rest)]
    first = start_watch(config, target, runs.starts[0], layout)
    memories = [first_memory(config, start) for start in runs.starts[1:]]
    return [first, *map(first.another, others, memories)]


def _standing(
    config: Config,
    runs: Runs,
    state: TrainState,
    begun: Sequence[Snapshot],
    begun_endings: Sequence[Ending | None],
) -> Standing:
    """Returns where the loop starts."""
    parts = runs.split((state.mixture, state.memories))
    gmms = [to_gmm(_fitted(config.algorithm, *part)) for part in parts]
    if not begun:
        return Standing(state, gmms, gmms, [History() for _ in gmms], [None] * len(gmms))
    previous = [
        gmm if own.previous is None else own.previous for gmm, own in zip(gmms, begun, strict=True)
    ]
    return Standing(state, gmms, previous, [History(own.rows) for own in begun], begun_endings)


def _conclude(request: Request, watches: Sequence[Watch], outcome: Outcome) -> list[Ending]:
    """Returns how the runs ended, after a look at their last draws."""
    endings = []
    for watch, ending, history in zip(watches, outcome.endings, outcome.histories, strict=True):
        ending = _explained(ending, request)
        num_draws = request.config.run.diagnostic_samples
        endings.append(watch.conclude(ending, history.last, num_draws))
        log_end(endings[-1], history.last)
    return endings


def _explained(ending: Ending, request: Request) -> Ending:
    """Returns the ending; with a reason, if a rule should have ended the run and did not."""
    if ending is not COMPLETED or not request.until:
        return ending
    count = request.config.run.num_iterations
    return Ending(Status.COMPLETED, f"the {count:,} iterations ended before a stopping rule did.")


def _compile(request: Request, runs: Runs) -> tuple[TrainState, Estimate]:
    """Returns the first state and what estimates the ELBO; all programs are compiled."""
    # The programs compile on threads of their own while the steps are traced, for which the
    # shapes of the state are enough; JAX keeps what comes out of lowering for the first chunk. The
    # main thread waits in Python, where Ctrl-C is heard.
    shapes, wait_for_start = runs.start_ahead()
    check_memory(shapes, len(runs.keys))
    one = jax.eval_shape(lambda state: runs.split(state)[0], shapes)
    if request.samples is not None:
        check_samples(one, request.samples)
    estimate = elbo_between_chunks(
        request.config, request.target, one.mixture, runs.keys[0], request.mesh
    )
    algorithm = request.config.algorithm
    wait_for_average = compile_ahead(_fitted.lower(algorithm, one.mixture, one.memories))
    wait_for_steps = compile_ahead(runs.lower_steps(shapes))
    wait_for_start()
    state = runs.first_state()
    if request.samples is not None:
        states = [import_samples(part, request.samples) for part in runs.split(state)]
        state = runs.join(states)
    wait_for_average()
    wait_for_steps()
    return state, estimate


def _advance(
    runs: Runs, on_thread: bool, state: TrainState, num_steps: int, is_live: Sequence[bool]
) -> tuple[TrainState, StepInfo]:
    """Takes some steps, and waits for them such that a signal is heard."""
    take_steps = partial(runs.take_steps, state, num_steps, is_live)
    state, infos = call_on_thread(take_steps) if on_thread else take_steps()
    wait_for(infos)
    return state, infos


def _report(
    request: Request,
    estimate_elbo: Estimate,
    target: Any,
    watch: Watch,
    key: Any,
    state: TrainState,
    counters: Any,
    info: StepInfo,
    *,
    num_steps: int,
) -> Report:
    """Returns what there is to say of one run after a chunk."""
    fitted = _fitted(request.config.algorithm, state.mixture, state.memories)
    gmm, row = to_gmm(fitted), summarise(counters, info, num_steps)
    row |= estimate_elbo(fitted, target, key, row["iteration"])
    ending = watch(state, gmm, row)
    watch.num_evaluations += request.config.run.diagnostic_samples
    row["num_diagnostic_evaluations"] = watch.num_evaluations
    row["wall_time"] = of_first(time.perf_counter() - request.start_time, request.mesh)
    log_chunk(row)
    return Report(gmm, row, ending)
