"""The script for a machine with an accelerator runs without one, and reads what it measured."""

import gzip
import json
import time

import pytest

from benchmarks.device import end_to_end, precision, repeatability, step_table
from benchmarks.device.__main__ import main
from benchmarks.device.budget import Budget
from benchmarks.device.parts import PARTS
from benchmarks.device.processes import figures_of_process
from benchmarks.device.setting import DEVICE, HOST
from benchmarks.device.trace_events import device_work, read_trace

MIB = 2**20


@pytest.mark.slow
def test_every_part_runs_tiny(tmp_path, monkeypatch, capsys):
    # Several of its processes compile the same programs.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    out = tmp_path / "out"
    assert main(["--minutes", "10", "--tiny", "--out", str(out)]) == 0
    parts = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert set(parts) == {part.name for part in PARTS}
    for content in parts.values():
        assert content["status"] == "done"
        assert content["machine"]["platform"] == "cpu"
        assert content["lines"]
        assert not any("failed" in line for line in content["lines"])
    assert not list(out.glob("*.partial"))

    step_times = parts["step_times"]["summary"]
    assert set(step_times["ratios"]) == {str(2**12), str(2**24), str(2**26)}
    assert step_times["best_overall"] in (2**12, 2**24)  # the third is the second's program
    assert step_times["overall_from"] == ["breast_cancer"]
    assert step_times["host_over_device"]["breast_cancer"] > 0.0
    # Both places are the CPU.
    assert parts["end_to_end"]["summary"]["gmm20"]["elbo_of_device_minus_host"] == 0.0
    assert parts["precision"]["summary"]["as_exact"]
    for same in parts["repeatability"]["summary"]["SAMTRON"].values():
        assert same["differing"] == 0
        assert same["leaves"] > 40
    assert "no work of a GPU" in parts["kernels"]["lines"][0]["skipped"]
    assert max(len(line) for line in capsys.readouterr().out.splitlines()[1:]) <= 80


@pytest.mark.slow
def test_one_part_runs_tiny(tmp_path):
    assert main(["--minutes", "10", "--tiny", "--out", str(tmp_path), "--parts", "precision"]) == 0
    content = json.loads((tmp_path / "precision.json").read_text())
    assert content["status"] == "done"
    assert content["summary"]["as_exact"]


def test_what_there_is_no_time_for_is_a_line(tmp_path, capsys):
    assert main(["--minutes", "0.15", "--out", str(tmp_path), "--parts", "precision"]) == 0
    lines = json.loads((tmp_path / "precision.json").read_text())["lines"]
    assert [line["place"] for line in lines] == [DEVICE, HOST]
    assert all("are left" in line["skipped"] for line in lines)
    assert "skipped (device): precision on the device" in capsys.readouterr().out


def test_a_process_that_breaks_is_a_line(tmp_path):
    budget = Budget.of_seconds(60.0)
    lines = list(figures_of_process("no such part", DEVICE, budget, True, tmp_path / "log.txt"))
    assert len(lines) == 1
    assert "ended with code 2" in lines[0]["failed"]
    assert "no such part" in lines[0]["failed"]


def test_budget_shares_what_is_left():
    budget = Budget(time.time() + 100.0)
    assert budget.share(0.6).left() == pytest.approx(60.0, abs=0.1)
    assert budget.share(0.6).share(0.5).left() == pytest.approx(30.0, abs=0.1)
    assert budget.refusal("this", 90.0) is None
    refused = budget.refusal("that", 110.0)
    assert refused is not None
    assert "that: takes about 110 s" in refused["skipped"]


def step_line(target, size, seconds, place=DEVICE):
    return {
        "place": place,
        "target": target,
        "max_chunk_bytes": size,
        "seconds": [seconds, seconds, 9.0 * seconds],
        "compile_seconds": 20.0,
        "compiled_at_once": 1,
    }


def test_the_best_size_is_the_smallest_of_those_that_tie():
    lines = [
        step_line("stm20", MIB, 0.040),
        step_line("stm20", 4 * MIB, 0.0101),
        step_line("stm20", 16 * MIB, 0.010),
        step_line("gmm100", MIB, 0.010),
        step_line("gmm100", 4 * MIB, 0.010),
        step_line("gmm100", 16 * MIB, 0.020),
        step_line("stm300", MIB, 0.010),  # time was over
        step_line("stm20", None, 0.030, HOST),
        {"place": DEVICE, "skipped": "stm300, 4 MiB: takes about 9 s, 8 s are left"},
    ]
    summary = step_table.summarise(lines)
    assert summary["best"] == {"stm20": 4 * MIB, "gmm100": MIB, "stm300": MIB}
    assert summary["best_overall"] == 4 * MIB
    assert summary["overall_from"] == ["stm20", "gmm100"]
    assert summary["ratios"][str(MIB)] == pytest.approx(2.0)
    assert summary["host_over_device"] == {"stm20": pytest.approx(3.0)}
    table = step_table.show(lines)
    assert table[2].split() == ["stm20", "40.00", "10.10", "10.00", "30.00", "20.0"]


def runs(*values):
    return [{"negative_elbo": value, "standard_error": 0.003} for value in values]


def test_elbos_are_compared_by_the_spread_of_seeds():
    same = end_to_end.compare(runs(78.33, 78.34, 78.35), runs(78.34, 78.35, 78.33))
    assert same["agree"]
    assert same["standard_error"] == pytest.approx(0.01 * (2.0 / 3.0) ** 0.5)
    other = end_to_end.compare(runs(78.33, 78.34, 78.35), runs(78.43, 78.44, 78.45))
    assert not other["agree"]
    assert other["elbo_of_device_minus_host"] == pytest.approx(0.1)
    single = end_to_end.compare(runs(78.33), runs(78.34))
    assert not single["knows_the_spread_of_seeds"]
    assert single["standard_error"] == pytest.approx(0.003 * 2.0**0.5)


def test_what_is_not_finite_is_not_exact():
    def line(place, default, highest):
        errors = {"default": default, "high": highest, "highest": highest}
        return {"place": place, "case": "whitening", "at": "far", "errors": errors}

    good = precision.summarise([line(DEVICE, 1e-3, 2e-7), line(HOST, 1e-7, 1e-7)])
    assert good["as_exact"]
    assert good["over_host"]["default"]["ratio"] == pytest.approx(1e4)
    bad = precision.summarise([line(DEVICE, 1e-3, None), line(HOST, 1e-7, 1e-7)])
    assert not bad["as_exact"]


def test_the_first_leaf_that_differs_is_named():
    first = {"a": "1", "b": "2", "c": "3"}
    second = {"a": "1", "b": "0", "c": "0"}
    found = repeatability.differences([first, second])
    assert found == {"leaves": 3, "differing": 2, "first": "b"}
    assert repeatability.differences([first]) is None


def test_idle_share_of_a_trace(tmp_path):
    def name(kind, process, thread, text):
        args = {"name": text}
        return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": args}

    def work(thread, start, duration, text):
        return {"ph": "X", "pid": 1, "tid": thread, "ts": start, "dur": duration, "name": text}

    events = [
        name("process_name", 1, None, "/device:GPU:0"),
        name("process_name", 2, None, "/host:CPU"),
        name("thread_name", 1, 13, "Stream #13(Compute)"),
        name("thread_name", 1, 14, "Stream #14(MemcpyD2D)"),
        name("thread_name", 1, 20, "XLA Ops"),
        work(13, 0.0, 10.0, "loop_fusion"),
        work(13, 20.0, 10.0, "loop_fusion"),
        work(14, 25.0, 15.0, "MemcpyD2D"),
        work(20, 0.0, 100.0, "while"),
        {"ph": "X", "pid": 2, "tid": 13, "ts": 0.0, "dur": 500.0, "name": "python"},
    ]
    with gzip.open(tmp_path / "host.trace.json.gz", "wt") as file:
        json.dump({"traceEvents": events}, file)
    found = device_work(read_trace(tmp_path))
    assert found is not None
    assert (found.kernels, found.copies, found.span) == (2, 1, 40.0)
    assert found.idle_share == pytest.approx(0.25)
    assert found.longest == {"loop_fusion": 20.0, "MemcpyD2D": 15.0}
    assert device_work(events[1:2]) is None
