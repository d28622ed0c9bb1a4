"""Runs that go on from their directory: as if they had never ended, whatever happened to it.

And what is refused, with which words: nothing is overwritten that somebody may want.
"""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import gmmvi_jax as gmmvi
from benchmarks.digests import digests
from benchmarks.reliability.run import CONFIG, two_modes
from gmmvi_jax.densities.faults import Fault
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.training import keeper as keepers
from gmmvi_jax.training.kept_run import kept_run
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
    with pytest.raises(ValueError, match="began with another rng_key"):
        gmmvi.train(CONFIG, two_modes, rng_key=5, resume=tmp_path)
    with pytest.raises(ValueError, match=r"there is a run in .* resume="):
        gmmvi.train(CONFIG, two_modes, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"max_components is 4, but the run in .* began with 8"):
        gmmvi.train(CONFIG.replace(max_components=4, num_iterations=4), two_modes, resume=tmp_path)
    with pytest.warns(UserWarning, match="has 4 iterations already, more than num_iterations=2"):
        gmmvi.train(CONFIG.replace(num_iterations=2), two_modes, resume=tmp_path)
    with locked("resume", tmp_path), pytest.raises(BlockingIOError, match="in use by another run"):
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
    settings["budget"] = 4_000
    whole = gmmvi.fit(two_modes, 2, **settings)

    def stop(state, row):
        return row["num_target_evaluations"] > 900

    stopped = gmmvi.fit(two_modes, 2, checkpoint=tmp_path, callbacks=stop, **settings)
    assert stopped.status == "stopped by a callback"
    resumed = gmmvi.fit(two_modes, 2, resume=tmp_path, **settings)
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


@pytest.fixture(scope="module")
def saved(whole, tmp_path_factory):
    del whole  # has compiled the program
    # Relative, from a program that changes its directory while the run goes on.
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        gmmvi.train(
            CONFIG.replace(num_iterations=8),
            two_modes,
            checkpoint="run",
            callbacks=lambda state, row: os.chdir("/"),
        )
    return folder / "run"


@pytest.fixture
def run(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "run")


def test_a_relative_path_is_meant_from_where_it_was_given(saved):
    assert gmmvi.load(saved).state.iteration == 8


def test_a_run_whose_snapshots_are_gone_is_not_overwritten(run):
    for path in run.glob("snapshot-*"):
        path.unlink()
    words = r"snapshots of the run .* are gone.* GMM\.load\('.*gmm\.npz'\).* initial='.*gmm\.npz'"
    for argument in ("resume", "checkpoint"):
        with pytest.raises(ValueError, match=f"^{argument}: the {words}"):
            gmmvi.train(CONFIG, two_modes, **{argument: run})
    with pytest.raises(FileNotFoundError, match=words):
        gmmvi.load(run)


def test_where_no_snapshot_can_be_read_the_mixture_is_the_cure(run):
    for path in run.glob("snapshot-*"):
        path.write_bytes(b"")
    words = r"is cut off\nThere is no other snapshot that serves\. "
    with pytest.raises(ValueError, match=rf"{words}gmm\.npz still holds the mixture: .* initial="):
        gmmvi.train(CONFIG, two_modes, resume=run)
    (run / "gmm.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=f"{words}A run in another directory begins anew"):
        gmmvi.load(run)


def test_files_that_may_not_be_read_are_not_taken_for_damaged(run, monkeypatch):
    newest = max(run.glob("snapshot-*"))
    for closed in (newest, run):
        may = os.access
        with monkeypatch.context() as patched:  # root may read everything

            def access(path, mode, closed=closed, may=may):
                return path != closed and may(path, mode)

            patched.setattr(os, "access", access)
            with pytest.raises(PermissionError, match=f"you may not read {closed}: make"):
                gmmvi.load(run)
            with pytest.raises(PermissionError, match=f"you may not read {closed}: make"):
                gmmvi.train(CONFIG, two_modes, resume=run)


def test_a_directory_that_is_removed_during_a_run_is_made_again(run):
    with kept_run(None, run, None) as (keeper, begun):
        assert keeper is not None
        shutil.rmtree(run)
        with pytest.warns(UserWarning, match="somebody removed or renamed .* has the run as it is"):
            keeper.finish(begun)
        assert gmmvi.load(run).state.iteration == 8
        with pytest.raises(BlockingIOError, match="in use"), locked("resume", run):
            pass
        shutil.rmtree(run)
        run.write_text("")
        with pytest.warns(UserWarning, match=r"result\.save\(.* Nothing that it could go on from"):
            keeper.finish(begun)
        run.unlink()
        with locked("resume", run), pytest.warns(UserWarning, match="in use by another run"):
            keeper.finish(begun)


def test_of_two_runs_that_begin_at_once_one_is_refused(tmp_path):
    for trial in range(20):
        both_entered, answers = threading.Barrier(2), []

        def enter(directory, barrier=both_entered, answers=answers):
            barrier.wait()
            try:
                with kept_run(None, directory, None):
                    barrier.wait(10)
            except BlockingIOError:
                answers.append("in use")
                barrier.wait(10)

        threads = [threading.Thread(target=enter, args=(tmp_path / str(trial),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == ["in use"]


def test_a_run_that_is_refused_leaves_alone_what_another_one_writes(run):
    half = run / ".gmm.npz-0123.tmp"
    half.write_bytes(b"half of it")
    with locked("resume", run), pytest.raises(BlockingIOError), kept_run(None, run, None):
        pass
    assert half.exists()


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("a\0b", ValueError, r"checkpoint is 'a\\x00b': a path has no null character"),
        ("a" * 300, OSError, r"checkpoint: cannot look at /.*/aa.* \(File name too lo"),
        ("/dev/null/run", OSError, r"checkpoint: cannot write to the directory /dev/null/run \("),
    ],
)
def test_paths_that_cannot_be_are_named(path, kind, words):
    with pytest.raises(kind, match=words):
        gmmvi.train(CONFIG, two_modes, checkpoint=path)


def test_a_relative_path_needs_a_current_directory(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError, match="path is 'a', but the current directory is gone"):
        require_path("path", "a")


def test_files_that_may_not_be_written_are_named(run, monkeypatch):
    def refuse(path, *rest, **more):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("gmmvi_jax.training.run_lock.open", refuse, raising=False)
    words = r"resume: cannot write to .*\.lock \(Permission denied\); make the files there writable"
    with pytest.raises(PermissionError, match=words):
        gmmvi.train(CONFIG, two_modes, resume=run)


_JOB = """
    import sys
    sys.path.insert(0, {root!r})
    import gmmvi_jax as gmmvi
    from benchmarks.reliability.run import CONFIG, two_modes
    many = CONFIG.replace(num_iterations=100_000)
    tell = lambda state, row: print(row["iteration"], flush=True)
    gmmvi.train(many, two_modes, resume={run!r}, callbacks=tell)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_run_is_whole_and_goes_on(whole, tmp_path):
    code = textwrap.dedent(_JOB).format(root=str(Path(__file__).parents[1]), run=str(tmp_path))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        while not list(tmp_path.glob("snapshot-*")):  # written beside the iterations
            assert job.stdout.readline()
        job.send_signal(signal.SIGKILL)
    saved = gmmvi.load(tmp_path)
    assert saved.status == "interrupted"
    assert saved.state.iteration >= 4
    (tmp_path / ".snapshot-00000099.npz-0123.tmp").write_bytes(b"half of it")
    last = CONFIG.replace(num_iterations=int(saved.state.iteration) + 4)
    assert_same_run(gmmvi.train(last, two_modes), gmmvi.train(last, two_modes, resume=tmp_path))
    assert not list(tmp_path.glob(".*.tmp"))
