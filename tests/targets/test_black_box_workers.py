"""Functions of the host on workers: order, counts, and what workers do wrong."""

import functools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.training.status import Status

from . import simulators
from .simulators import CENTRE, bowl, bowl_gradient

ROOT = Path(__file__).resolve().parents[2]
POINTS = np.random.default_rng(0).normal(size=(11, 2)).astype(np.float32)
SIGNS = np.stack([np.array([1.0, -1.0, 2.0, -2.0, 3.0]), np.zeros(5)], axis=1).astype(np.float32)
CONFIG = gmmvi.vips(
    2,
    num_iterations=4,
    log_every=2,
    max_components=2,
    desired_samples=10,
    diagnostic_samples=20,
    max_database_size=100,
    num_database_samples=50,
)


def new_processes(count: int = 2) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with new_processes() as pool:
        yield pool


def values_of(target: densities.BlackBox, points: np.ndarray) -> np.ndarray:
    count = jnp.asarray(len(points), jnp.int32)
    return np.asarray(target.evaluate_batch(jnp.asarray(points), count, False)[0])


class Recorder:
    """A Gaussian that keeps the shapes it was asked for."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, points: np.ndarray) -> np.ndarray:
        self.shapes.append(points.shape)  # a list is safe in threads
        return bowl(points)


class Silent(Executor):
    """A pool that does not say how many workers it has, and runs each job at once."""

    def submit(self, fn: Any, /, *arguments: Any, **settings: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*arguments, **settings))
        return future


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({"batched": False}, None),
        ({"batched": False, "batch_size": 4}, None),
        ({}, [2, 3, 3, 3]),
        ({"batch_size": 4}, [3, 4, 4]),
        ({"batch_size": 100}, [11]),
        ({"executor": Silent()}, [1] * 11),
    ],
)
def test_points_are_cut_into_jobs_and_put_together_again(settings, rows, threads):
    recorder = Recorder()
    settings = {"gradient": bowl_gradient, "executor": threads} | settings
    target = densities.black_box(recorder, **settings)
    live = jnp.asarray(11)
    padded = jnp.concatenate([POINTS, jnp.zeros((3, 2))])
    values, gradients = jax.jit(target.evaluate_batch, static_argnums=2)(padded, live, True)
    np.testing.assert_allclose(values[:11], bowl(POINTS), rtol=1e-6)
    np.testing.assert_allclose(gradients[:11], CENTRE - POINTS, rtol=1e-6)
    np.testing.assert_array_equal(values[11:], np.zeros(3))
    if rows is None:
        assert recorder.shapes == [(2,)] * 11
    else:
        assert sorted(len_ for len_, _ in recorder.shapes) == rows


def test_order_does_not_depend_on_who_is_ready_first(threads):
    target = densities.black_box(simulators.slow_where_negative, batched=False, executor=threads)
    np.testing.assert_allclose(values_of(target, SIGNS), bowl(SIGNS), rtol=1e-6)


def test_a_run_on_threads_evaluates_what_it_counts(threads, tmp_path):
    recorder = Recorder()
    target = densities.black_box(recorder, batched=False, executor=threads)
    result = gmmvi.train(CONFIG, target, checkpoint=tmp_path / "run")
    last = {name: column[-1] for name, column in result.history.items()}
    assert len(recorder.shapes) == (
        last["num_target_evaluations"] + last["num_diagnostic_evaluations"]
    )
    assert gmmvi.load(tmp_path / "run").history["iteration"][-1] == 4


def test_the_same_pool_is_the_same_program(threads):
    def made(pool: Executor, **settings: Any) -> densities.BlackBox:
        return densities.black_box(bowl, executor=pool, **settings)

    assert made(threads) == made(threads)
    assert hash(made(threads)) == hash(made(threads))
    with ThreadPoolExecutor(4) as other:
        assert made(threads) != made(other)
    assert made(threads) != made(threads, batch_size=2)
    assert made(threads) != densities.black_box(bowl)


def test_an_exception_of_a_worker_is_raised_and_says_where(threads):
    for pool in (None, threads):
        target = densities.black_box(simulators.breaks_where_negative, batched=False, executor=pool)
        with pytest.raises(ArithmeticError, match="lost its mesh") as caught:
            values_of(target, SIGNS)
        assert str(caught.value) == "the simulator lost its mesh"
        (note,) = caught.value.__notes__
        assert note == "raised in the function of this black box, at the point [-1. 0.]"
        assert caught.traceback[-1].name == "breaks_where_negative"


@pytest.mark.slow
def test_the_reason_of_a_failed_run_says_where(threads):
    calls = []

    def breaks_later(point: np.ndarray) -> np.ndarray:
        calls.append(point)
        if len(calls) > 55:
            raise ArithmeticError("the simulator lost its mesh")
        return bowl(point)

    with pytest.warns(UserWarning, match="the run failed"):
        result = gmmvi.train(
            CONFIG, densities.black_box(breaks_later, batched=False, executor=threads)
        )
    assert result.status is Status.FAILED
    assert "lost its mesh (raised in the function of this black box, at " in result.ending.reason


@pytest.mark.parametrize("batched", [False, True])
def test_by_choice_an_exception_is_nan_at_its_point(batched, threads):
    def breaks(points: np.ndarray) -> np.ndarray:
        if np.any(points[..., 0] < 0.0):
            raise ArithmeticError("the simulator lost its mesh")
        return bowl(points)

    for pool in (None, threads):
        size = None if pool is None else 1
        target = densities.black_box(
            breaks, batched=batched, executor=pool, batch_size=size, on_error="nan"
        )
        with pytest.warns(UserWarning, match=r"lost its mesh .* black box(, at the|\)\.)") as told:
            values = values_of(target, SIGNS)
        expected = bowl(SIGNS)
        expected[1::2] = np.nan
        is_one_call = batched and pool is None
        np.testing.assert_array_equal(values, np.full(5, np.nan) if is_one_call else expected)
        values_of(target, SIGNS)  # a second warning would be an error
        assert len(told) == 1


@pytest.mark.slow
def test_a_run_drops_and_counts_the_points_of_exceptions(threads):
    target = densities.black_box(
        simulators.breaks_where_negative, batched=False, executor=threads, on_error="nan"
    )
    start = gmmvi.GMM.from_moments([1.0], [[2.0, -2.0]], [np.eye(2)])
    with (
        pytest.warns(UserWarning, match="the log density is NaN at"),
        pytest.warns(UserWarning, match="lost its mesh"),
    ):
        result = gmmvi.train(CONFIG, target, initial=start)
    assert result.status is Status.COMPLETED
    assert np.all(np.isfinite(result.gmm.means))


def test_a_call_that_takes_longer_is_an_error_or_nan(threads):
    settings: Any = {"batched": False, "executor": threads, "timeout": 0.3}
    with pytest.raises(TimeoutError, match=r"timeout=0\.3 seconds"):
        values_of(densities.black_box(simulators.hangs, **settings), SIGNS)
    target = densities.black_box(simulators.hangs, on_error="nan", **settings)
    with pytest.warns(UserWarning, match="TimeoutError"):
        values = values_of(target, SIGNS)
    np.testing.assert_array_equal(np.isnan(values), [False, True, False, True, False])


def test_jobs_that_wait_are_not_calls_that_take_longer():
    with ThreadPoolExecutor(1) as one:
        target = densities.black_box(
            simulators.slow_where_negative, batched=False, executor=one, timeout=0.35
        )
        np.testing.assert_allclose(values_of(target, -np.abs(SIGNS)), bowl(-np.abs(SIGNS)))


def test_after_an_exception_the_jobs_that_wait_are_cancelled():
    begun = []

    def breaks(point: np.ndarray) -> float:
        begun.append(point)
        time.sleep(0.05)
        raise ArithmeticError("the simulator lost its mesh")

    with ThreadPoolExecutor(1) as one:
        target = densities.black_box(breaks, batched=False, executor=one)
        with pytest.raises(ArithmeticError):
            values_of(target, np.repeat(POINTS, 20, axis=0))
    assert len(begun) < 20


def test_a_closed_pool_is_named(threads):
    target = densities.black_box(bowl, executor=threads)
    threads.shutdown()
    with pytest.raises(RuntimeError, match=r"ThreadPoolExecutor takes no jobs: .*Keep the pool"):
        values_of(target, POINTS)


def test_wrong_arguments_are_named(threads):
    make: Any = functools.partial(densities.black_box, bowl)
    for wrong in (8, "processes", ThreadPoolExecutor):
        with pytest.raises(TypeError, match=r"executor must be a concurrent\.futures\.Executor"):
            make(executor=wrong)
    for wrong in (0, 1.5, "2"):
        with pytest.raises(ValueError, match="batch_size must be"):
            make(executor=threads, batch_size=wrong)
    with pytest.raises(ValueError, match="batch_size=2 without one"):
        make(batch_size=2)
    for wrong in ("NaN", None, np.ones(2)):
        with pytest.raises(ValueError, match='on_error must be "raise" or "nan"'):
            make(on_error=wrong)


def test_several_threads_may_evaluate_at_once(threads):
    target = densities.black_box(simulators.slow_where_negative, batched=False, executor=threads)
    found: dict[int, np.ndarray] = {}

    def evaluate(index: int) -> None:
        found[index] = values_of(target, SIGNS + index)

    callers = [threading.Thread(target=evaluate, args=(index,)) for index in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for index in range(4):
        np.testing.assert_allclose(found[index], bowl(SIGNS + index), rtol=1e-6)


@pytest.mark.slow
def test_a_run_on_processes_evaluates_what_it_counts(processes, tmp_path):
    path = tmp_path / "calls"
    target = densities.black_box(
        functools.partial(simulators.counted_bowl, path),
        gradient=bowl_gradient,
        executor=processes,
    )
    result = gmmvi.train(CONFIG.replace(num_iterations=6), target)
    last = {name: column[-1] for name, column in result.history.items()}
    assert path.stat().st_size == (
        last["num_target_evaluations"] + last["num_diagnostic_evaluations"]
    )


@pytest.mark.slow
def test_what_goes_wrong_in_a_process(processes):
    settings: Any = {"batched": False, "executor": processes}
    with pytest.raises(ArithmeticError, match="lost its mesh") as caught:
        gmmvi.train(CONFIG, densities.black_box(simulators.breaks_where_negative, **settings))
    assert str(caught.value) == "the simulator lost its mesh"
    (note,) = caught.value.__notes__
    assert note.startswith("raised in the function of this black box, at the point [")
    assert "Traceback" in note
    assert "in breaks_where_negative" in note
    with pytest.raises(RuntimeError, match="OddError: this and that"):
        values_of(densities.black_box(simulators.breaks_oddly, **settings), SIGNS)
    with pytest.raises(TimeoutError, match="timeout=0"):
        values_of(densities.black_box(simulators.hangs, timeout=0.3, **settings), SIGNS)
    locked: Any = threading.Lock()
    for unsent in (lambda point: 0.0, functools.partial(bowl, locked)):
        with pytest.raises(TypeError, match=r"ProcessPoolExecutor sends the function .*by def"):
            gmmvi.train(CONFIG, densities.black_box(unsent, **settings))
    # Ctrl-C in a terminal is sent to the workers, too.
    target = densities.black_box(simulators.interrupted, **settings)
    np.testing.assert_allclose(values_of(target, SIGNS), bowl(SIGNS), rtol=1e-6)


@pytest.mark.slow
def test_a_worker_that_dies_is_an_error():
    with new_processes(1) as pool:
        target = densities.black_box(simulators.dies, batched=False, executor=pool, on_error="nan")
        for _ in range(2):  # the second time the pool takes no job
            with pytest.raises(BrokenExecutor, match=r"ProcessPoolExecutor died .*make a new pool"):
                values_of(target, SIGNS)


SHARED = """
import json, sys, threading, warnings
import jax
jax.config.update("jax_num_cpu_devices", 2)
from concurrent.futures import ThreadPoolExecutor
import gmmvi_jax as gmmvi
from tests.targets.simulators import bowl
from tests.targets.test_black_box_workers import CONFIG

warnings.simplefilter("error")
points, callers, most = [], set(), float("inf")

def counted(point):
    points.append(point)
    if len(points) > most:
        raise ArithmeticError("the simulator lost its mesh")
    return bowl(point)

class Pool(ThreadPoolExecutor):
    def submit(self, *arguments):
        callers.add(threading.get_ident())
        return super().submit(*arguments)

mesh = jax.make_mesh((2,), ("devices",))
with Pool(4) as pool:
    target = gmmvi.densities.black_box(counted, batched=False, executor=pool)
    last = gmmvi.train(CONFIG, target, mesh=mesh).history
    found = {"points": len(points), "callers": len(callers)}
    found["counted"] = int(
        last["num_target_evaluations"][-1] + last["num_diagnostic_evaluations"][-1]
    )
    most = len(points) + 30
    try:
        gmmvi.train(CONFIG, target, mesh=mesh)
    except ArithmeticError as error:
        found["error"] = str(error)
    found["more"] = len(points) - most
print(json.dumps(found))
"""


@pytest.mark.slow
def test_devices_that_share_a_run_share_the_workers_and_learn_of_errors():
    done = subprocess.run(
        [sys.executable, "-c", SHARED], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["points"] == found["counted"]
    assert found["callers"] > 1
    assert found["error"] == "the simulator lost its mesh"
    assert 0 < found["more"] < 40
