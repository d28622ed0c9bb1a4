"""The report from stored records."""

import numpy as np
import pytest

from benchmarks import report
from benchmarks.report_figure import curves
from benchmarks.report_rows import read_rows, rows_of
from benchmarks.run_record import read_records, write_record
from benchmarks.specification import Specification


def store(folder, label, seed, elbos, **said):
    """Writes a record with these ELBOs after 100, 200, ... evaluations and 11, 12, ... seconds."""
    run = Specification("peers", label, "gmmvi_jax", "gmm20", seed, {}, 1000, 60.0)
    rows = [
        {
            "iteration": 10 * i,
            "evaluations": 100 * i,
            "seconds": 10.0 + i,
            "compile_seconds": 8.0,
            "elbo": elbo,
            "elbo_stderr": 0.01,
        }
        for i, elbo in enumerate(elbos, 1)
    ]
    final = {"elbo": elbos[-1], "elbo_stderr": 0.01, "modes": 7, "num_modes": 10}
    content = {"rows": rows, "final": final, "import_seconds": 2.0, "said": said}
    write_record(folder / run.file_name, run, "done", **content)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "peers"
    for seed, last in enumerate((-1.0, -2.0, -6.0)):
        store(folder, "good", seed, [-50.0, -10.0, last])
    store(folder, "bad", 0, [-70.0, -60.0, -50.0])
    store(folder, "sampler", 0, [None, None, None], log_z=-0.125)
    run = Specification("peers", "absent", "gsm", "gmm20", 0, {}, 1000, 60.0)
    write_record(folder / run.file_name, run, "skipped", reason="not installed: gsmvi")
    return folder


def test_a_report_is_a_table_and_a_figure_and_is_read_from_the_table_alone(folder, capsys):
    out = folder.parent / "results"
    report.main([str(folder), "--out", str(out)])
    printed = capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {"peers.csv", "peers.png"}
    assert (out / "peers.png").read_bytes().startswith(b"\x89PNG")
    report.main([str(out / "peers.csv")])
    assert capsys.readouterr().out == printed
    assert "skipped: absent, seed 0: not installed: gsmvi" in printed.splitlines()
    quality, cost = (
        [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")][i]
        for i in (slice(2, 5), slice(7, 10))
    )
    assert [row[:2] for row in quality] == [
        ["good", "-2.0000 [-4.0000, -1.5000]"],
        ["bad", "-50.0000"],
        ["sampler", "-"],
    ]
    assert quality[2][3] == "-0.1250"
    assert quality[0][8:] == ["7", "10", "3"]
    # evaluations, iterations, seconds, importing, compiling, a step: (13 - 2 - 8) s / 30
    assert cost[0][1:7] == ["300", "30", "13.0", "2.0", "8.0", "100.00"]


def test_a_table_has_a_line_per_run(folder):
    report.main([str(folder), "--out", str(folder.parent)])
    rows = read_rows(folder.parent / "peers.csv")
    assert len(rows) == 6
    by_name = {(row["label"], row["seed"]): row for row in rows}
    assert by_name["good", 2]["elbo"] == -6.0
    assert "jax" in by_name["good", 2]["versions"]
    assert by_name["absent", 0]["status"] == "skipped"
    assert by_name["absent", 0]["elbo"] is None


def test_another_processes_clock(tmp_path):
    store(tmp_path, "tensorflow", 0, [-1.0], import_seconds=4.0, first_step_seconds=5.0)
    (row,) = rows_of(read_records(tmp_path))
    assert row["step_ms"] == pytest.approx(1e3 * (11.0 - 4.0 - 5.0) / 10)


def test_curves(folder):
    runs = [r for r in read_records(folder) if r["specification"]["label"] == "good"]
    curve = curves(runs, "evaluations")
    assert curve is not None
    grid, levels = curve
    assert grid[[0, -1]] == pytest.approx([100.0, 300.0])
    np.testing.assert_allclose(levels[:, 0], -50.0)
    np.testing.assert_allclose(levels[1, (grid > 201) & (grid < 299)], -10.0)
    sampler = [r for r in read_records(folder) if r["specification"]["label"] == "sampler"]
    assert curves(sampler, "seconds") is None


def test_an_empty_folder(tmp_path, capsys):
    with pytest.raises(SystemExit):
        report.main([str(tmp_path)])
    assert "has no records; make some with" in capsys.readouterr().err


def test_when_a_run_reaches_the_reference(tmp_path):
    store(tmp_path, "SAMTRON", 0, [-9.0, -2.01, -1.0])
    store(tmp_path, "SAMTRON", 1, [-9.0, -2.03, -1.0])  # two standard errors are 0.02
    store(tmp_path, "SAMTRON", 2, [-9.0, -3.0])
    store(tmp_path, "SAMTRON, TensorFlow", 0, [-9.0, -9.0, -9.0, -9.0, -2.0])
    reached = {
        row["seed"]: row["seconds_to_reference"]
        for row in rows_of(read_records(tmp_path))
        if row["label"] == "SAMTRON"
    }
    assert reached == {0: 12.0, 1: 13.0, 2: None}


def test_what_diverged_is_recorded_as_nothing(tmp_path):
    store(tmp_path, "diverged", 0, [-1.0, float("nan")])
    record = read_records(tmp_path)[0]
    assert record["rows"][1]["elbo"] is record["final"]["elbo"] is None
    assert rows_of([record])[0]["elbo"] is None
