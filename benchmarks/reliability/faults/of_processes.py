"""Ctrl-C, threads, processes, clocks, memory; and ``train`` where it cannot run."""

import concurrent.futures
import functools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.reliability.faults.fault import Fault, expected
from benchmarks.reliability.run import CONFIG, digest, two_modes
from gmmvi_jax.training.status import Status
from gmmvi_jax.typing import Array

_MEMORY = 6 * 2**30  # bytes of addresses, where memory is scarce
_PATIENCE = 60.0  # seconds for a child process


def _interrupt(times: int) -> Any:
    def callback(state: Any, row: dict[str, Any]) -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    return callback


def _interrupted_once(directory: Path) -> str:
    first = gmmvi.train(CONFIG, two_modes, callbacks=_interrupt(1), checkpoint=directory)
    assert first.status is Status.INTERRUPTED
    assert int(first.state.iteration) == CONFIG.run.log_every
    rest = gmmvi.train(CONFIG, two_modes, resume=directory)
    assert digest(rest) == digest(gmmvi.train(CONFIG, two_modes))
    return "the result after the chunk; resumed it is the uninterrupted run, bit for bit"


def _interrupted_twice(directory: Path) -> str:
    with expected(KeyboardInterrupt):
        gmmvi.train(CONFIG, two_modes, callbacks=_interrupt(2), checkpoint=directory)
    rest = gmmvi.train(CONFIG, two_modes, resume=directory)
    assert digest(rest) == digest(gmmvi.train(CONFIG, two_modes))
    return "KeyboardInterrupt; resumed it is the uninterrupted run, bit for bit"


def _interrupted_while_compiling(directory: Path) -> str:
    threading.Timer(1.0, signal.raise_signal, [signal.SIGINT]).start()
    start = time.monotonic()
    with expected(KeyboardInterrupt):
        gmmvi.train(CONFIG, _slow_to_trace, checkpoint=directory)
    seconds = time.monotonic() - start
    rest = gmmvi.train(CONFIG, two_modes, resume=directory)
    assert digest(rest) == digest(gmmvi.train(CONFIG, two_modes))
    return f"KeyboardInterrupt, {seconds:.1f} s after the start; the directory is free"


def _slow_to_trace(x: Array) -> Array:
    time.sleep(0.2)
    return two_modes(x)


def _in_a_thread(directory: Path) -> str:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        result = pool.submit(gmmvi.train, CONFIG, two_modes, checkpoint=directory).result()
    assert digest(result) == digest(gmmvi.train(CONFIG, two_modes))
    return "the run of the main thread, bit for bit"


def _in_two_threads(directory: Path) -> str:
    configs = [CONFIG.replace(seed=seed) for seed in range(4)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(gmmvi.train, config, two_modes, checkpoint=directory / str(index))
            for index, config in enumerate(configs)
        ]
        together = [digest(job.result()) for job in jobs]
    assert together == [digest(gmmvi.train(config, two_modes)) for config in configs]
    return "four runs on two threads are those of one thread, bit for bit"


def _clock_jumps(directory: Path) -> str:
    true_time = time.time

    def jump(state: Any, row: dict[str, Any]) -> None:
        hours = -24.0 if row["iteration"] == CONFIG.run.log_every else 24.0
        time.time = lambda: true_time() + 3600.0 * hours

    limit = gmmvi.TimeLimit(1800.0)
    result = gmmvi.train(CONFIG, two_modes, callbacks=jump, checkpoint=directory, until=limit)
    time.time = true_time
    assert result.status is Status.COMPLETED, result.status
    seconds = result.history["wall_time"]
    assert np.all(np.diff(seconds) > 0.0)
    assert seconds[-1] < 600.0
    return "seconds go on from a clock that does not jump; TimeLimit too"


def _spawned(directory: Path) -> str:
    gmmvi.train(CONFIG, two_modes)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        child = pool.apply_async(_digest_of_run).get(timeout=_PATIENCE)
    assert child == digest(gmmvi.train(CONFIG, two_modes))
    return "the run of the parent, bit for bit"


def _digest_of_run() -> str:
    return digest(gmmvi.train(CONFIG, two_modes))


def _forked(directory: Path) -> str:
    gmmvi.train(CONFIG, two_modes)
    path = directory / "said"
    child = os.fork()
    if child == 0:
        try:
            with expected(RuntimeError, "fork", "spawn") as said:
                gmmvi.train(CONFIG, two_modes)
            path.write_text(said[0], encoding="utf-8")
        finally:
            os._exit(0)
    end = time.monotonic() + _PATIENCE
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            raise AssertionError(f"the child still runs after {_PATIENCE:g} seconds")
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


def _too_large(directory: Path) -> str:
    config = gmmvi.samtron(20_000, max_components=1_000)
    with expected(ValueError, "GiB", "max_components", "diagonal=True") as said:
        gmmvi.train(config, lambda x: -0.5 * jnp.sum(x**2))
    return said[0]


def _out_of_memory(directory: Path) -> str:
    code = "from benchmarks.reliability.faults.of_processes import exhaust; exhaust()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert lines[-1].startswith("MemoryError"), lines
    assert "desired_samples" in lines[-1], lines
    return lines[-1]


def exhaust() -> None:
    """Trains on a density that needs more memory than there is, and prints what comes of it."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    rows = jnp.asarray(np.random.default_rng(0).normal(size=(20_000, 2)), jnp.float32)

    def wasteful(x: Array) -> Array:
        distances = jnp.sum((rows[:, None] - rows[None, :] - x) ** 2, axis=-1)  # 1.6 GB a point
        return -0.5 * jnp.sum(x**2) - jnp.std(jnp.sort(distances.ravel()))

    try:
        gmmvi.train(CONFIG, wasteful)
    except Exception as error:
        print(f"{type(error).__name__}: {error}".splitlines()[0])


def _under_jit(directory: Path) -> str:
    def fitted(scale: Array) -> Array:
        return gmmvi.train(CONFIG, lambda x: two_modes(x / scale)).gmm.means

    with expected(TypeError, "train", "init", "step") as said:
        jax.jit(fitted)(1.0)
    with expected(TypeError, "train", "init", "step"):
        jax.vmap(fitted)(jnp.ones(2))
    return said[0]


def _nested(directory: Path) -> str:
    inner = functools.partial(gmmvi.train, CONFIG.replace(num_iterations=4), two_modes)
    digests: list[str] = []
    result = gmmvi.train(
        CONFIG, two_modes, callbacks=lambda state, row: digests.append(digest(inner()))
    )
    assert digest(result) == digest(gmmvi.train(CONFIG, two_modes))
    assert set(digests) == {digest(inner())}
    return "both are what they are alone, bit for bit"


_GOES_ON = "nothing is lost"
FAULTS = (
    Fault("Ctrl-C", _GOES_ON, _interrupted_once),
    Fault("Ctrl-C twice", "it leaves at once; " + _GOES_ON, _interrupted_twice),
    Fault("Ctrl-C while it compiles", "it leaves", _interrupted_while_compiling),
    Fault("train in a thread", "the same run", _in_a_thread),
    Fault("train in two threads at once", "the same runs", _in_two_threads),
    Fault("train in a callback of train", "the same runs", _nested),
    Fault("the clock jumps by a day", "seconds stay seconds", _clock_jumps),
    Fault("a process is spawned", "the same run", _spawned),
    Fault("a process is forked", "an error that names the cure, no hang", _forked),
    Fault("a run larger than the memory", "refused, with what needs less", _too_large),
    Fault("no more memory during a run", "MemoryError, with what needs less", _out_of_memory),
    Fault("train under jit and vmap", "an error that names the cure", _under_jit),
)
