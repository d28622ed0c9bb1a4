"""Growth and deletion for an hour, many fits in one process: memory, time of a step, open files."""

import os
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax.typing import Array

_DIM = 4
_CENTRES = jnp.asarray(np.random.default_rng(0).normal(size=(6, _DIM)) * 6.0, jnp.float32)
_PAGE = os.sysconf("SC_PAGE_SIZE")
_WARM = 0.1  # share of the time at the start that is compared with as much of the end
_FEWEST = 5  # chunks at one number of components, early and late, for a comparison

CONFIG = gmmvi.samtron(
    _DIM,
    prior_scale=6.0,
    max_components=16,
    add_iters=3,
    desired_samples=40,
    reuse_ratio=2.0,
    num_database_samples=200,
    max_database_size=2_000,
    num_iterations=400,
    log_every=20,
    diagnostic_samples=100,
)


def six_modes(x: Array) -> Array:
    """Six Gaussians in four dimensions."""
    return jax.nn.logsumexp(-0.5 * jnp.sum((x - _CENTRES) ** 2, axis=1))


class _Mark(NamedTuple):
    """The process after a chunk of iterations.

    Attributes:
        seconds: since the start.
        num_components: in the mixture.
        step: seconds of the processor per iteration.
        memory: bytes that are resident.
        files: open ones.
        threads: of the process.
    """

    seconds: float
    num_components: int
    step: float
    memory: int
    files: int
    threads: int


class _Watch:
    """A callback that marks every chunk."""

    def __init__(self) -> None:
        self.marks: list[_Mark] = []
        self.num_added = self.num_deleted = 0
        self._start = time.monotonic()
        self._spent = 0.0

    def __call__(self, state: Any, row: dict[str, Any]) -> None:
        spent = time.process_time()
        step = (spent - self._spent) / CONFIG.run.log_every
        self.num_added += row["num_added"]
        self.num_deleted += row["num_deleted"]
        seconds = time.monotonic() - self._start
        mark = _Mark(seconds, row["num_components"], step, _memory(), _files(), _threads())
        self.marks.append(mark)
        self._spent = time.process_time()


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def measure_many_runs(minutes: float) -> dict[str, Any]:
    """Returns what run after run in one process costs; each grows to 16 components and deletes."""
    watch, end, seed = _Watch(), time.monotonic() + 60.0 * minutes, 0
    with tempfile.TemporaryDirectory() as directory:
        while time.monotonic() < end:
            run = Path(directory) / str(seed)
            gmmvi.train(CONFIG.replace(seed=seed), six_modes, callbacks=watch, checkpoint=run)
            seed += 1
    return {"soak": "run after run", "runs": seed} | _figures(watch)


def measure_one_run(minutes: float) -> dict[str, Any]:
    """Returns what one long run costs."""
    watch = _Watch()
    config = CONFIG.replace(num_iterations=10_000_000)
    with tempfile.TemporaryDirectory() as directory:
        limit = gmmvi.TimeLimit(60.0 * minutes)
        gmmvi.train(config, six_modes, callbacks=watch, checkpoint=directory, until=limit)
    return {"soak": "one run", "runs": 1} | _figures(watch)


def _figures(watch: _Watch) -> dict[str, Any]:
    """Returns figures of the start, when all is compiled, beside those of the end."""
    marks = watch.marks
    last = marks[-1].seconds
    early = [mark for mark in marks if _WARM * last < mark.seconds <= 2.0 * _WARM * last]
    late = [mark for mark in marks if mark.seconds > (1.0 - _WARM) * last]
    hours = (1.0 - 2.0 * _WARM) * last / 3600.0

    def both(value: Callable[[_Mark], float]) -> list[float]:
        return [float(np.median([value(mark) for mark in part])) for part in (early, late)]

    memory = both(lambda mark: mark.memory / 2**20)
    return {
        "minutes": last / 60.0,
        "iterations": len(marks) * CONFIG.run.log_every,
        "added": watch.num_added,
        "deleted": watch.num_deleted,
        "memory_mib": memory,
        "growth_mib_per_hour": (memory[1] - memory[0]) / hours,
        "open_files": both(lambda mark: mark.files),
        "threads": both(lambda mark: mark.threads),
        "step_ratio_at_equal_components": _step_ratio(early, late),
    }


def _step_ratio(early: Sequence[_Mark], late: Sequence[_Mark]) -> float | None:
    """Returns the median over numbers of components of late over early seconds of a step."""
    steps: list[dict[int, list[float]]] = []
    for part in (early, late):
        steps.append(defaultdict(list))
        for mark in part:
            steps[-1][mark.num_components].append(mark.step)
    first, second = steps
    ratios = [
        float(np.median(second[count]) / np.median(first[count]))
        for count in first
        if min(len(first[count]), len(second.get(count, ()))) >= _FEWEST
    ]
    return float(np.median(ratios)) if ratios else None


def measure_fits(num_fits: int) -> list[dict[str, Any]]:
    """Returns what fits of as many densities cost in one process, in two ways to write them.

    As a lambda each, of which none can share a program with another, and as one function with its
    numbers in ``jax.tree_util.Partial``, which is the cure that a warning names.
    """

    def shifted(shift: Array, x: Array) -> Array:
        return -0.5 * jnp.sum((x - shift) ** 2)

    def as_lambda(shift: float) -> Callable[[Array], Array]:
        return lambda x: shifted(jnp.asarray(shift), x)

    def as_partial(shift: float) -> Callable[[Array], Array]:
        return jax.tree_util.Partial(shifted, jnp.asarray(shift))

    figures = []
    for name, make in (("one function, Partial", as_partial), ("a lambda each", as_lambda)):
        memory, seconds = [], []
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            for index in range(num_fits):
                start = time.monotonic()
                gmmvi.fit(make(float(index)), 2, verbose=False)
                seconds.append(time.monotonic() - start)
                memory.append(_memory() / 2**20)
        told = any("functions made by the same code" in str(each.message) for each in messages)
        drops = sum("programs were dropped" in str(each.message) for each in messages)
        figures.append(
            {
                "soak": name,
                "fits": num_fits,
                "mib_per_fit": float(np.polyfit(np.arange(1, num_fits), memory[1:], 1)[0]),
                "memory_mib": [memory[0], memory[-1]],
                "seconds_per_fit": float(np.median(seconds[1:])),
                "cure_told": told,
                "programs_dropped": drops,
            }
        )
    return figures
