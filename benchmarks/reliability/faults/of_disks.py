"""Disks that are full, away or read-only; files that are damaged; two runs in one directory."""

import os
import resource
import shutil
import signal
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.reliability.faults.fault import Fault, expected
from benchmarks.reliability.run import CONFIG, digest, two_modes
from gmmvi_jax.training.run_lock import locked
from gmmvi_jax.typing import Array

_NUM_FLIPS = 200


def _full(directory: Path) -> str:
    how = _make_small(directory)
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        result = gmmvi.train(CONFIG, two_modes, checkpoint=directory)
    assert digest(result) == digest(gmmvi.train(CONFIG, two_modes))
    assert any("could not be written" in str(each.message) for each in messages)
    left = [path.name for path in directory.iterdir() if path.name.endswith(".tmp")]
    assert not left, left
    return f"{how}: a warning, the run is whole, no temporary file is left"


def _make_small(directory: Path) -> str:
    """Lets no snapshot fit into the directory, by a small disk, or else by a limit on files."""
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(directory)]
    if shutil.which("mount") and subprocess.run(command, capture_output=True).returncode == 0:
        return "a disk of 16 kB"
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))
    return "files of 16 kB at most"


def _read_only(directory: Path) -> str:
    where = directory / "run"
    if os.geteuid() == 0:  # may write anywhere, but not make a directory there
        where = Path("/proc/run")
    else:
        directory.chmod(0o555)
    with expected(_error_of(where), "checkpoint: cannot write", str(where)) as said:
        gmmvi.train(CONFIG, _untraceable, checkpoint=where)
    return f"before the density is looked at: {said[0]}"


def _error_of(where: Path) -> type[OSError]:
    try:
        where.mkdir()
    except OSError as error:
        return type(error)
    raise AssertionError(f"{where} can be written")


def _untraceable(x: Array) -> Array:
    raise AssertionError("the density was called")


def _away(directory: Path) -> str:
    run = directory / "run"
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        result = gmmvi.train(
            CONFIG, two_modes, checkpoint=run, callbacks=lambda state, row: shutil.rmtree(run, True)
        )
    assert digest(result) == digest(gmmvi.train(CONFIG, two_modes))
    told = [str(each.message) for each in messages if "somebody removed" in str(each.message)]
    assert told
    assert digest(gmmvi.load(run)) == digest(result)
    return "a warning, and the run is whole"


def _flipped(directory: Path) -> str:
    gmmvi.train(CONFIG.replace(num_iterations=8), two_modes, checkpoint=directory)
    gmmvi.train(CONFIG.replace(num_iterations=12), two_modes, resume=directory)
    before, newest = sorted(directory.glob("snapshot-*.npz"))
    right = {digest(gmmvi.load(directory)): "same"}
    whole = newest.read_bytes()
    newest.unlink()
    right[digest(gmmvi.load(directory))] = "before"
    generator, counts = np.random.default_rng(0), Counter[str]()
    for _ in range(_NUM_FLIPS):
        damaged = bytearray(whole)
        place = generator.integers(len(damaged))
        damaged[place] ^= 1 << generator.integers(8)
        newest.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            outcome = right[digest(gmmvi.load(directory))]
        assert outcome == "same" or any(newest.name in str(each.message) for each in messages)
        counts[outcome] += 1
    for path in (newest, before):
        path.write_bytes(path.read_bytes()[: len(whole) // 2])
    with expected(ValueError, str(newest)):
        gmmvi.load(directory)
    return (
        f"of {_NUM_FLIPS} flips {counts['same']} are where nothing is read and "
        f"{counts['before']} lead to the snapshot before, named; with both cut off a ValueError"
    )


def _second_writer(directory: Path) -> str:
    with (
        locked("resume", directory),
        expected(BlockingIOError, "in use by another run", str(os.getpid())),
    ):
        gmmvi.train(CONFIG, two_modes, resume=directory)
    return "BlockingIOError with the process of the other one"


FAULTS = (
    Fault("disk full", "warned; the run goes on and is whole; no temporary file", _full),
    Fault("read-only directory", "an error with the path, before anything compiles", _read_only),
    Fault("directory removed during the run", "warned; the run is whole", _away),
    Fault("a bit of a snapshot flips", "noticed; the snapshot before serves", _flipped),
    Fault("two runs in one directory", "the second one is refused", _second_writer),
)
