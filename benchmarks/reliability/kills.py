"""A run that is killed at random moments and goes on each time, beside the one nobody killed."""

import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.reliability.run import CONFIG, digest, two_modes
from gmmvi_jax.training import keeper

_ITERATIONS = 1_000_000  # more than there is time for
_LATEST = 2.0  # seconds after the first chunk of a process until it is killed, at most
_LONGEST_START = 10.0  # seconds
_BUSY = "while True: pass"
_JOB = (
    sys.executable,
    "-c",
    "import sys; from benchmarks.reliability.kills import job; job(*sys.argv[1:])",
)


class _Kill(NamedTuple):
    """What one kill found and left.

    Attributes:
        told: the last iteration that a callback was told of; 0 if there was none.
        saved: the iteration of the snapshot that can be read.
        lost_seconds: since a callback was told of the first iteration that is not in it.
        leftovers: temporary files beside it.
    """

    told: int
    saved: int
    lost_seconds: float
    leftovers: int


def job(directory: str, eager: str) -> None:
    """Goes on with the run until it is killed; prints the iterations.

    Args:
        directory: of the run.
        eager: ``"1"`` to write after every chunk, however long that takes.
    """
    if eager == "1":
        keeper._LARGEST_SHARE = 1.0

    def tell(state: Any, row: dict[str, Any]) -> None:
        print(row["iteration"], flush=True)

    config = CONFIG.replace(num_iterations=_ITERATIONS)
    gmmvi.train(config, two_modes, resume=directory, callbacks=tell)


def measure(num_kills: int = 100, seed: int = 0) -> dict[str, Any]:
    """Returns what is left of a run that is killed this many times, beside other processes.

    Every second process is killed while it imports, compiles or reads; the others while they run.
    Every second pair writes after each chunk, so that many are killed while they write.
    """
    generator = np.random.default_rng(seed)
    busy = subprocess.Popen([sys.executable, "-c", _BUSY])
    try:
        with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as cache:
            _fill(Path(cache))
            kills = [
                _kill(Path(directory), index, generator, Path(cache)) for index in range(num_kills)
            ]
            warnings.simplefilter("ignore")
            last = kills[-1].saved + CONFIG.run.log_every
            config = CONFIG.replace(num_iterations=last)
            resumed = digest(gmmvi.train(config, two_modes, resume=directory))
            leftovers = len(list(Path(directory).glob(".*.tmp")))
    finally:
        busy.kill()
        busy.wait()
    saved = [kill.saved for kill in kills]
    lost = [kill.told - kill.saved for kill in kills if kill.told]
    seconds = [kill.lost_seconds for kill in kills if kill.told]
    return {
        "kills": num_kills,
        "while_running": len(lost),
        "while_writing": sum(kill.leftovers > 0 for kill in kills),
        "unreadable": sum(kill.saved < 0 for kill in kills),
        "went_back": int(np.sum(np.diff(saved) < 0)),
        "iterations": last,
        "log_every": CONFIG.run.log_every,
        "largest_loss_iterations": max(lost),
        "median_loss_iterations": float(np.median(lost)),
        "largest_loss_seconds": max(seconds),
        "median_loss_seconds": float(np.median(seconds)),
        "leftovers_at_the_end": leftovers,
        "same_bits": resumed == digest(gmmvi.train(config, two_modes)),
    }


def _fill(cache: Path) -> None:
    """Fills a cache with the programs of the run."""
    with tempfile.TemporaryDirectory() as directory:
        environment = _environment(cache, writes=True)
        with subprocess.Popen(
            [*_JOB, directory, "0"], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()


def _kill(directory: Path, index: int, generator: np.random.Generator, cache: Path) -> _Kill:
    """Lets a process go on with the run, and kills it."""
    eager = str(index // 2 % 2)
    told: list[tuple[int, float]] = []
    started = threading.Event()
    with subprocess.Popen(
        [*_JOB, str(directory), eager],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_environment(cache, writes=False),
    ) as process:
        assert process.stdout is not None
        lines = process.stdout

        def listen() -> None:
            for line in lines:
                told.append((int(line), time.monotonic()))
                started.set()

        listener = threading.Thread(target=listen)
        listener.start()
        if index % 2:
            started.wait(generator.uniform(0.0, _LONGEST_START))
        else:
            started.wait()
            time.sleep(generator.uniform(0.0, _LATEST))
        process.kill()
        killed = time.monotonic()
        listener.join()
    leftovers = len(list(directory.glob(".*.tmp")))
    saved = _saved(directory)
    lost = [killed - seconds for iteration, seconds in told if iteration > saved]
    return _Kill(told[-1][0] if told else 0, saved, max(lost, default=0.0), leftovers)


def _environment(cache: Path, writes: bool) -> dict[str, str]:
    """Returns an environment in which programs come from a cache; JAX writes it not atomically."""
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0" if writes else "1e9",
    }


def _saved(directory: Path) -> int:
    """Returns the iteration that can be read; 0 without a snapshot, -1 if one is damaged."""
    if not list(directory.glob("snapshot-*.npz")):
        return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return int(gmmvi.load(directory).state.iteration)
    except (ValueError, UserWarning):
        return -1
