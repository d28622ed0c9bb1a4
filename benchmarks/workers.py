"""Seconds per iteration of a run whose target takes 50 ms of Python per point, on 1 to 8 workers.

Once the target computes, so that no more workers help than there are cores, and once it sleeps, as
one that waits for a program on another machine. The pool is made, and everything is compiled,
before the clock starts. ``black_box(f, batched=False)`` without an executor stands beside it, and
what the pool alone does with as many points just after each run: other work on the machine slows
down both.
"""

import multiprocessing
import os
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any

import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.table import table_parser, write_results

_SECONDS, _DIM = 0.05, 2
_NUM_ITERATIONS = 4
_WORKERS = [0, 1, 2, 4, 8]  # none: in the process of the run


def _value(point: np.ndarray) -> float:
    return float(-0.5 * np.sum(point**2))


def busy(point: np.ndarray) -> float:
    """Returns a log density after 50 ms of computing: of its own time, not of the clock's."""
    end = time.thread_time() + _SECONDS
    while time.thread_time() < end:
        pass
    return _value(point)


def sleeping(point: np.ndarray) -> float:
    """Returns a log density after 50 ms of waiting."""
    time.sleep(_SECONDS)
    return _value(point)


def _config() -> gmmvi.Config:
    return gmmvi.vips(
        _DIM,
        num_iterations=_NUM_ITERATIONS,
        log_every=_NUM_ITERATIONS,
        max_components=1,
        desired_samples=32,
        diagnostic_samples=0,
        max_database_size=400,
        num_database_samples=50,
    )


def _counted(result: gmmvi.TrainResult) -> int:
    return int(result.history["num_target_evaluations"][-1])


def _measure(name: str, num_workers: int, executor: Executor | None) -> dict[str, Any]:
    function = {"busy": busy, "sleeping": sleeping}[name]
    target = gmmvi.densities.black_box(function, _DIM, batched=False, executor=executor)
    first = gmmvi.train(_config(), target)
    start = time.perf_counter()
    result = gmmvi.train(_config(), target, initial=first)
    seconds = time.perf_counter() - start
    # The first look at the target is in the seconds, and counts as a diagnosis.
    look = int(result.history["num_diagnostic_evaluations"][-1])
    count = _counted(result) - _counted(first) + look
    start = time.perf_counter()
    list((map if executor is None else executor.map)(function, np.zeros((count, _DIM))))
    alone = time.perf_counter() - start
    return {
        "target": name,
        "workers": num_workers,
        "seconds_per_iteration": seconds / _NUM_ITERATIONS,
        "evaluations": count,
        "evaluations_per_second": count / seconds,
        "evaluations_per_second_alone": count / alone,
        "load": os.getloadavg()[0],
    }


def main(arguments: list[str]) -> int:
    """Measures both targets with every number of workers."""
    given = table_parser("workers", __doc__, ["busy", "sleeping"]).parse_args(arguments)
    runs = []
    context = multiprocessing.get_context("spawn")
    for name in given.names:
        print(f"{name:<10}{'workers':>8}{'s / iteration':>15}{'evaluations / s':>17}{'alone':>8}")
        for count in _WORKERS:
            if count == 0:
                runs.append(_measure(name, count, None))
            else:
                with ProcessPoolExecutor(count, mp_context=context) as pool:
                    list(pool.map(time.sleep, [0.5] * count))  # all of them have started
                    runs.append(_measure(name, count, pool))
            run = runs[-1]
            rates = [run[f"evaluations_per_second{way}"] for way in ("", "_alone")]
            shown = f"{run['seconds_per_iteration']:15.3f}{rates[0]:17.1f}{rates[1]:8.1f}"
            print(f"{'':<10}{count or 'none':>8}{shown}", flush=True)
            write_results(given.out, runs)
    return 0
