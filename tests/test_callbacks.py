"""Callbacks that write the history while a run goes on."""

import json

import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import callbacks
from gmmvi_jax.training.arguments import as_callbacks

from .small_run import CONFIG, gaussian

ROW = {"iteration": np.int64(2), "elbo": -1.5, "num_components": 3, "elbo_gap": float("nan")}
STATE: gmmvi.TrainState = None  # type: ignore[assignment]


def test_a_csv_has_a_header_and_each_row_at_once(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("old", "utf-8")
    write = callbacks.csv(path)
    write(STATE, ROW)
    assert path.read_text("utf-8").splitlines() == [
        "iteration,elbo,num_components,elbo_gap",
        "2,-1.5,3,nan",
    ]
    write(STATE, ROW)
    assert len(path.read_text("utf-8").splitlines()) == 3


def test_lines_of_json_have_null_for_what_is_not_finite(tmp_path):
    write = callbacks.json_lines(tmp_path / "history.jsonl")
    write(STATE, ROW)
    write(STATE, ROW)
    lines = (tmp_path / "history.jsonl").read_text("utf-8").splitlines()
    right = {"iteration": 2, "elbo": -1.5, "num_components": 3, "elbo_gap": None}
    assert [json.loads(line) for line in lines] == [right, right]


def test_rows_of_several_runs_have_their_number(tmp_path):
    callbacks.csv(tmp_path / "history.csv")(STATE, [ROW, ROW])  # type: ignore[arg-type]
    lines = (tmp_path / "history.csv").read_text("utf-8").splitlines()
    assert lines == [
        "run,iteration,elbo,num_components,elbo_gap",
        "0,2,-1.5,3,nan",
        "1,2,-1.5,3,nan",
    ]


def test_a_run_that_goes_on_appends(tmp_path):
    for append in (False, True):
        callbacks.csv(tmp_path / "history.csv", append=append)(STATE, ROW)
    assert len((tmp_path / "history.csv").read_text("utf-8").splitlines()) == 3


def test_files_stay_where_they_were_named_when_the_program_changes_its_directory(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    both = callbacks.csv("history.csv"), callbacks.json_lines("~/history.jsonl")
    monkeypatch.chdir("/")
    for write in both:
        write(STATE, ROW)
    assert {path.name for path in tmp_path.iterdir()} == {"history.csv", "history.jsonl"}


def test_a_missing_directory_is_named_before_the_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="create the directory"):
        callbacks.csv(tmp_path / "missing" / "history.csv")


def test_what_makes_a_callback_is_none_before_the_run():
    for wrong in (callbacks.csv, lambda state: None):
        with pytest.raises(TypeError, match=r"called with the state and the row.*csv\('run.csv'\)"):
            as_callbacks(wrong)
    for right in (
        callbacks.timeline(),
        print,
        lambda *arguments: None,
        lambda s, row, more=0: None,
    ):
        assert as_callbacks(right) == (right,)


def test_a_writer_of_tensorboard_gets_every_number():
    class Writer:
        def __init__(self):
            self.seen = []

        def add_scalar(self, name, value, step, /):
            self.seen.append((name, value, step))

    writer = Writer()
    callbacks.tensorboard(writer)(STATE, ROW)
    assert ("elbo", -1.5, 2) in writer.seen
    assert [name for name, _, _ in writer.seen] == ["elbo", "num_components", "elbo_gap"]


def test_calls_are_as_far_apart_as_asked(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    calls = []
    call = callbacks.every(10.0, lambda state, row: calls.append(now) or True)
    found = []
    for now in (105.0, 111.0, 112.0, 122.0):  # noqa: B007
        found.append(call(STATE, ROW))
    assert calls == [111.0, 122.0]
    assert found == [None, True, None, True]
    with pytest.raises(ValueError, match="seconds"):
        callbacks.every(-1.0, lambda state, row: None)


def test_train_calls_them(tmp_path):
    timeline = callbacks.timeline()
    result = gmmvi.train(
        CONFIG,
        gaussian,
        callbacks=[
            callbacks.csv(tmp_path / "history.csv"),
            timeline,
        ],
    )
    rows = (tmp_path / "history.csv").read_text("utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["iteration", "2", "4"]
    assert timeline.iterations.tolist() == [2, 4]
    added = [np.sum((timeline.births > end - 2) & (timeline.births <= end)) for end in (2, 4)]
    deleted = [np.sum(timeline.deaths == end) for end in (2, 4)]
    np.testing.assert_array_equal(added, result.history["num_added"])
    np.testing.assert_array_equal(deleted, result.history["num_deleted"])
    assert sum(added) == 1
    living = timeline.weights[-1][timeline.deaths < 0]
    np.testing.assert_allclose(living, result.components()["weight"])
