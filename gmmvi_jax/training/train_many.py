"""``train_many``: the same config from several seeds, in one compiled program."""

import dataclasses
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.merging import merge
from gmmvi_jax.init import init
from gmmvi_jax.mixture.padded import to_gmm
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.training.arguments import as_seeds, as_target, check_call
from gmmvi_jax.training.chunk import run_chunk_of_many
from gmmvi_jax.training.compile_ahead import compile_ahead
from gmmvi_jax.training.elbo_between_chunks import elbo_between_chunks
from gmmvi_jax.training.history import RunCounters, run_counters, summarise
from gmmvi_jax.training.interrupts import call_on_thread, catch_interrupts, wait_for
from gmmvi_jax.training.memory import check_memory
from gmmvi_jax.training.run_loop import Chunks, Summaries, run_chunks
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.summary import history_words
from gmmvi_jax.training.watch import start_watch
from gmmvi_jax.typing import LogDensity
from gmmvi_jax.variants.validation import validate


@dataclasses.dataclass(frozen=True)
class TrainManyResult:
    """Several fitted mixtures.

    Attributes:
        gmms: R mixtures, in the order of the seeds; each exactly its active components.
        state: the last states, stacked: a leading axis R on every leaf.
        history: as of ``TrainResult``, every column [rows, R].
        seeds: of the runs.
        config: what all of them ran with.
        endings: how each run ended, with the reason and the error behind it, if there are any.
    """

    gmms: tuple[GMM, ...]
    state: TrainState
    history: dict[str, np.ndarray]
    seeds: tuple[int, ...]
    config: Config
    endings: tuple[Ending, ...]

    @property
    def statuses(self) -> tuple[Status, ...]:
        """How each run ended."""
        return tuple(ending.status for ending in self.endings)

    def __repr__(self) -> str:
        """Returns one line."""
        counts = ", ".join(str(gmm.num_components) for gmm in self.gmms)
        return (
            f"TrainManyResult(seeds={self.seeds}, {counts} components in "
            f"{self.config.dim} dimensions, {history_words(self.history)})"
        )

    @property
    def merged(self) -> GMM:
        """All runs as one mixture, each weighing exp(ELBO); see ``merge``.

        All weigh the same where no ELBO was estimated (``diagnostic_samples=0``).
        """
        elbos, estimated = self.history["elbo"][-1], self.config.run.diagnostic_samples > 0
        return merge(self.gmms, elbos if estimated else np.zeros(len(self.gmms)))

    @property
    def best(self) -> GMM:
        """The mixture with the highest ELBO at the end.

        Raises:
            ValueError: no ELBO is known.
        """
        elbos = self.history["elbo"][-1]
        if not np.any(np.isfinite(elbos)):
            raise ValueError(
                f"no run is the best: their ELBOs are {elbos.tolist()} (seeds {self.seeds}); "
                f"estimate them with diagnostic_samples > 0, or see why all runs are unusable."
            )
        return self.gmms[int(np.nanargmax(elbos))]


def train_many(
    config: Config,
    log_target: LogDensity,
    seeds: Sequence[int],
    *,
    vectorized: bool | None = None,
) -> TrainManyResult:
    """Fits a mixture from each of several seeds.

    Each run is the one that ``train(config.replace(seed=seed), log_target)`` makes, up to rounding.

    Args:
        config: as of ``train``; its own seed is not used.
        log_target: as of ``train``.
        seeds: one per run.
        vectorized: all runs at once (``jax.vmap``) instead of one after another (``jax.lax.map``);
            by default on accelerators only. On a CPU it takes about 1.3 times as long. At once, a
            target is also evaluated (and not counted) where another run has more samples to draw.

    Returns:
        The mixtures, their states stacked, their history side by side, and all runs merged. As
        with ``train`` nothing is lost once a chunk is complete; a run that fails leaves the others
        alone, and its status says so.

    Raises:
        ValueError, TypeError, FloatingPointError: as ``train``; or there are no seeds.
    """
    start_time = time.perf_counter()
    check_call(config, log_target)
    validate(config)
    seeds = as_seeds(seeds)
    target = as_target(log_target, None, config)
    run = config.run
    at_once = jax.default_backend() != "cpu" if vectorized is None else vectorized
    keys = [jax.random.key(seed) for seed in seeds]
    with catch_interrupts() as interrupts:
        watches = [start_watch(config, target, None, None)]
        watches += [watches[0].another() for _ in seeds[1:]]
        start = jax.jit(jax.vmap(init, in_axes=(None, 0)))
        traced = start.trace(config.algorithm, jnp.stack(keys))
        check_memory(traced.out_info, len(seeds))
        states = start(config.algorithm, jnp.stack(keys))
        shapes = jax.eval_shape(lambda: _pick(states.mixture, 0))
        estimate_elbo = elbo_between_chunks(config, target, shapes, keys[0])
        count = jax.ShapeDtypeStruct((), jnp.int32)
        arguments = (config.algorithm, target, states, count, run.log_every, at_once)
        compile_ahead(run_chunk_of_many.lower(*arguments))()

        def advance(states: TrainState, num_steps: int) -> tuple[TrainState, StepInfo]:
            count = jnp.asarray(num_steps, jnp.int32)
            arguments = (config.algorithm, target, states, count, run.log_every, at_once)
            take_steps = partial(run_chunk_of_many, *arguments)
            may_block = watches[0].target_calls_host
            states, infos = call_on_thread(take_steps) if may_block else take_steps()
            wait_for(infos)
            return states, infos

        def summarise_one(
            state: TrainState, counters: RunCounters, info: StepInfo, num_steps: int, index: int
        ) -> tuple[dict[str, Any], Ending | None]:
            watch = watches[index]
            row = summarise(counters, info, num_steps)
            row |= estimate_elbo(state.mixture, keys[index], row["iteration"])
            ending = watch(state, state.gmm(), row)
            watch.num_evaluations += run.diagnostic_samples
            row["num_diagnostic_evaluations"] = watch.num_evaluations
            row["wall_time"] = time.perf_counter() - start_time
            return row, ending

        def summarise_all(states: TrainState, infos: StepInfo, num_steps: int) -> Summaries:
            counters, infos = jax.device_get((run_counters(states), infos))
            parts = [
                (_pick(states, index), _pick(counters, index), _pick(infos, index))
                for index in range(len(seeds))
            ]
            return [summarise_one(*part, num_steps, index) for index, part in enumerate(parts)]

        chunks = Chunks(
            advance=advance,
            mixtures=lambda states: (),
            summarise=summarise_all,
            follow_up=lambda states, rows: False,
            may_raise=watches[0].target_calls_host,
        )
        interrupts.defer()
        outcome = run_chunks(chunks, states, run, len(seeds), interrupts)
    endings = tuple(
        watch.conclude(ending, history.last, run.diagnostic_samples)
        for watch, ending, history in zip(watches, outcome.endings, outcome.histories, strict=True)
    )
    for seed, ending in zip(seeds, endings, strict=True):
        ending.warn(f"the run of seed {seed}")
    columns = [history.columns() for history in outcome.histories]
    states = outcome.state
    return TrainManyResult(
        gmms=tuple(to_gmm(_pick(states.mixture, index)) for index in range(len(seeds))),
        state=states,
        history={name: np.stack([c[name] for c in columns], axis=1) for name in columns[0]},
        seeds=seeds,
        config=config,
        endings=endings,
    )


def _pick(stacked: Any, index: int) -> Any:
    """Returns one run's part of a stacked pytree."""
    return jax.tree.map(lambda leaf: leaf[index], stacked)
