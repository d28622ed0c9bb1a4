"""The report from stored records."""

import numpy as np
import pytest

from benchmarks.report import write_report
from benchmarks.report_figures import curves
from benchmarks.report_tables import quality_table, step_milliseconds
from benchmarks.run_record import read_records, write_record
from benchmarks.specification import Specification


def store(folder, label, seed, elbos, suite="peers", **said):
    """Writes a record with these ELBOs after 100, 200, ... evaluations and 11, 12, ... seconds."""
    run = Specification(suite, label, "gmmvi_jax", "gmm20", seed, {}, 1000, 60.0)
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
    for seed, last in enumerate((-1.0, -2.0, -6.0)):
        store(tmp_path, "good", seed, [-50.0, -10.0, last])
    store(tmp_path, "bad", 0, [-70.0, -60.0, -50.0])
    store(tmp_path, "sampler", 0, [None, None, None], log_z=-0.125)
    run = Specification("peers", "absent", "gsm", "gmm20", 0, {}, 1000, 60.0)
    write_record(tmp_path / run.file_name, run, "skipped", reason="not installed: gsmvi")
    return tmp_path


def test_report(folder):
    path = write_report(folder)
    text = path.read_text()
    lines = text.splitlines()
    assert "## peers: gmm20" in lines
    assert "- skipped: absent, seed 0: not installed: gsmvi" in lines
    figure = folder / "peers-gmm20.png"
    assert f"]({figure.name})" in text
    assert figure.read_bytes().startswith(b"\x89PNG")
    costs = [line for line in lines if line.startswith("| good")][1]
    # evaluations, iterations, seconds, importing, compiling, a step: (13 - 2 - 8) s / 30
    assert costs.split(" | ")[1:7] == [
        "300 [300, 300]",
        "30 [30, 30]",
        "13.0 [13.0, 13.0]",
        "2.0 [2.0, 2.0]",
        "8.0 [8.0, 8.0]",
        "100.00 [100.00, 100.00]",
    ]


def test_quality_table(folder):
    done = [record for record in read_records(folder) if record["status"] == "done"]
    rows = [line.strip("| ").split(" | ") for line in quality_table(done)[2:]]
    assert [row[:3] for row in rows] == [
        ["good", "1", "-2.0000 [-4.0000, -1.5000]"],
        ["bad", "2", "-50.0000"],
        ["sampler", "-", "-"],
    ]
    assert rows[2][4] == "-0.1250"
    assert rows[0][9] == "7 [7, 7] of 10"


def test_another_processes_clock(folder):
    store(folder, "tensorflow", 0, [-1.0], import_seconds=4.0, first_step_seconds=5.0)
    record = next(r for r in read_records(folder) if r["specification"]["label"] == "tensorflow")
    assert step_milliseconds(record) == pytest.approx(1e3 * (11.0 - 4.0 - 5.0) / 10)


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


def test_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no records; make some with"):
        write_report(tmp_path)


def test_the_studys_claim(tmp_path):
    store(tmp_path, "SAMTRON", 0, [-9.0, -3.0, -2.5], "paper-3")
    store(tmp_path, "ZAMTRUX", 0, [-8.0, -4.0], "paper-3")
    store(tmp_path, "SEPYFUX", 0, [-9.0, -8.0, -2.0], "paper-3")
    lines = write_report(tmp_path).read_text().splitlines()
    # Ahead at the end, and where the shorter run ends: after 200 evaluations, and after 300.
    assert "| gmm20 | 2 of 3 | +1.5000 | -0.5000 | +1.0000 | -0.5000 |" in lines


def test_the_claim_about_the_reference(tmp_path):
    store(tmp_path, "SAMTRON", 0, [-9.0, -2.01, -1.0])
    store(tmp_path, "SAMTRON", 1, [-9.0, -2.03, -1.0])  # two standard errors are 0.02
    store(tmp_path, "SAMTRON, TensorFlow", 0, [-9.0, -9.0, -9.0, -9.0, -2.0], import_seconds=4.0)
    lines = write_report(tmp_path).read_text().splitlines()
    assert "| gmm20 | -2.0000 | 15.0 | 2 of 2 | 12.5 | 0.83 |" in lines
    store(tmp_path, "SAMTRON", 2, [-9.0, -3.0])
    lines = write_report(tmp_path).read_text().splitlines()
    assert "| gmm20 | -2.0000 | 15.0 | 2 of 3 | - | - |" in lines


def test_what_diverged_is_recorded_as_nothing(tmp_path):
    store(tmp_path, "diverged", 0, [-1.0, float("nan")])
    record = read_records(tmp_path)[0]
    assert record["rows"][1]["elbo"] is record["final"]["elbo"] is None
    assert "| diverged | - | - |" in write_report(tmp_path).read_text()
