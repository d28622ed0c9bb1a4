"""Runs that go on from their directory: as if they had never ended, whatever happened to it."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import gmmvi_jax as gmmvi
from benchmarks.digests import digests
from benchmarks.reliability.run import CONFIG, two_modes
from gmmvi_jax.densities.faults import Fault
from gmmvi_jax.training import keeper as keepers
from gmmvi_jax.training.run_lock import locked
from gmmvi_jax.training.snapshot import read_snapshot, write_snapshot
from gmmvi_jax.training.watch import resume_watch


@pytest.fixture(scope="module")
def whole():
    return gmmvi.train(CONFIG, two_modes)


def assert_same_run(one, other):
    assert digests(one) == digests(other)
    np.testing.assert_array_equal(one.gmm.means, other.gmm.means)


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(whole, tmp_path):
    run = tmp_path / "run"
    first = gmmvi.train(CONFIG.replace(num_iterations=4), two_modes, resume=run)  # begins it
    assert first.status == "completed"
    resumed = gmmvi.train(CONFIG, two_modes, resume=run)
    assert_same_run(whole, resumed)
    assert np.all(np.diff(resumed.history["wall_time"]) > 0.0)
    assert_same_run(whole, gmmvi.load(run))
    calls = []
    gmmvi.train(CONFIG, two_modes, resume=run, callbacks=lambda state, row: calls.append(row))
    assert not calls  # it has ended
    names = {path.name for path in run.iterdir()}
    snapshots = {"snapshot-00000004.npz", "snapshot-00000012.npz"}
    assert snapshots <= names or "snapshot-00000008.npz" in names
    assert not [name for name in names if name.endswith(".tmp")]


def test_a_damaged_snapshot_is_named_and_the_one_before_it_serves(whole, tmp_path):
    gmmvi.train(CONFIG.replace(num_iterations=4), two_modes, checkpoint=tmp_path)
    gmmvi.train(CONFIG.replace(num_iterations=8), two_modes, resume=tmp_path)
    path = tmp_path / "snapshot-00000008.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"snapshot-00000008\.npz .*\n.*snapshot-00000004\.npz"):
        resumed = gmmvi.train(CONFIG, two_modes, resume=tmp_path)
    assert_same_run(whole, resumed)


def test_a_watch_goes_on_with_what_it_has_examined_and_told(tmp_path):
    gmmvi.train(CONFIG.replace(num_iterations=4), two_modes, checkpoint=tmp_path)
    path = tmp_path / "snapshot-00000004.npz"
    snapshot = read_snapshot(path, None)
    memory = snapshot.watch._replace(largest_spacing=8.0, told=(str(Fault.NAN_VALUE),))
    for watch in (snapshot.watch, memory):
        write_snapshot(path, snapshot._replace(watch=watch))
        read = read_snapshot(path, None).watch
        assert read[2:] == watch[2:]
        assert resume_watch(CONFIG, two_modes, None, read, 0).memory[2:] == watch[2:]


def test_another_config_and_a_second_run_are_refused(tmp_path):
    gmmvi.train(CONFIG.replace(num_iterations=4), two_modes, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"another config: run\.seed is 0, now 3"):
        gmmvi.train(CONFIG.replace(seed=3), two_modes, resume=tmp_path)
    with pytest.raises(ValueError, match=r"there is a run in .* resume="):
        gmmvi.train(CONFIG, two_modes, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="max_components is 4, but the run began with 8"):
        gmmvi.train(CONFIG.replace(max_components=4), two_modes, resume=tmp_path)
    with locked(tmp_path), pytest.raises(BlockingIOError, match="in use by another run"):
        gmmvi.train(CONFIG, two_modes, resume=tmp_path)


@pytest.mark.slow
def test_a_run_goes_on_with_room_for_more_components(tmp_path):
    gmmvi.train(CONFIG.replace(num_iterations=4), two_modes, checkpoint=tmp_path)
    larger = CONFIG.replace(max_components=20)
    resumed = gmmvi.train(larger, two_modes, resume=tmp_path)
    assert resumed.state.mixture.capacity >= 20
    alone = gmmvi.train(larger, two_modes)
    np.testing.assert_allclose(resumed.gmm.means, alone.gmm.means, rtol=1e-3, atol=1e-3)


def test_a_fit_goes_on(tmp_path):
    settings = {"prior_scale": 5.0, "max_components": 8, "verbose": False, "tolerance": 1e-6}
    whole = gmmvi.fit(two_modes, 2, budget=4_000, **settings)
    gmmvi.fit(two_modes, 2, budget=2_500, checkpoint=tmp_path, **settings)
    resumed = gmmvi.fit(two_modes, 2, budget=4_000, resume=tmp_path, **settings)
    assert len(resumed.history["iteration"]) == len(whole.history["iteration"])
    np.testing.assert_array_equal(whole.gmm.means, resumed.gmm.means)
    with pytest.raises(ValueError, match="resume: the run there has seed 0, not 1"):
        gmmvi.fit(two_modes, 2, seed=1, resume=tmp_path, verbose=False)


def test_a_full_disk_is_a_warning(whole, tmp_path, monkeypatch):
    def write(directories, snapshots):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keepers, "write_runs", write)
    with pytest.warns(UserWarning, match=r"could not be written to .* \(No space left on device\)"):
        result = gmmvi.train(CONFIG, two_modes, checkpoint=tmp_path)
    assert_same_run(whole, result)


_JOB = """
    import sys
    sys.path.insert(0, {root!r})
    import gmmvi_jax as gmmvi
    from benchmarks.reliability.run import CONFIG, two_modes
    many = CONFIG.replace(num_iterations=100_000)
    tell = lambda state, row: print(row["iteration"], flush=True)
    gmmvi.train(many, two_modes, resume={run!r}, callbacks=tell)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_run_is_whole_and_goes_on(whole, tmp_path):
    code = textwrap.dedent(_JOB).format(root=str(Path(__file__).parents[1]), run=str(tmp_path))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        for _ in range(2):
            job.stdout.readline()
        job.send_signal(signal.SIGKILL)
    saved = gmmvi.load(tmp_path)
    assert saved.status == "interrupted"
    assert saved.state.iteration >= 4
    (tmp_path / ".snapshot-00000099.npz-0123.tmp").write_bytes(b"half of it")
    last = CONFIG.replace(num_iterations=int(saved.state.iteration) + 4)
    assert_same_run(gmmvi.train(last, two_modes), gmmvi.train(last, two_modes, resume=tmp_path))
    assert not list(tmp_path.glob(".*.tmp"))
