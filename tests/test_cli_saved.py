"""Commands on the directory of a fit: sample, diagnose, plot, resume; a position in a file."""

import csv

import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.cli.main import main

SOURCE = """
import jax.numpy as jnp
from gmmvi_jax import domains

class Density:
    position = {"a": 0.5, "s": jnp.ones(2)}
    domain = {"s": domains.positive}

    def __call__(self, p):
        return -0.5 * p["a"] ** 2 - jnp.sum(p["s"])

density = Density()
"""
SMALL = ["--iterations", "4", "--max-components", "2", "--set", "log_every=2"]
SMALL += ["--set", "desired_samples=20", "--set", "diagnostic_samples=100"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    (folder / "mine.py").write_text(SOURCE)
    target = f"{folder / 'mine.py'}:density"
    assert main(["fit", target, *SMALL, "--quiet", "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_samples_are_positions_with_names(directory, capsys):
    assert main(["sample", str(directory), "-n", "50", "--seed", "1"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert list(rows[0]) == ["a", "s[0]", "s[1]"]
    found = np.array([[float(value) for value in row.values()] for row in rows])
    draws = gmmvi.load(directory).sample(1, 50)
    assert np.allclose(found, np.column_stack([draws["a"], draws["s"]]))
    path = directory.parent / "samples.csv"
    assert main(["sample", str(directory), "--csv", str(path)]) == 0
    assert len(path.read_text().splitlines()) == 1_001


def test_a_diagnosis_and_a_picture_come_without_naming_the_target(directory, capsys):
    assert main(["diagnose", str(directory), "-n", "100"]) == 0
    output = capsys.readouterr().out
    assert "ELBO" in output
    assert "Verdict: " in output
    assert main(["plot", str(directory), "--out", str(directory.parent / "again.png")]) == 0
    assert (directory.parent / "again.png").stat().st_size > 10_000


def test_a_run_goes_on_where_it_ended(directory, capsys):
    before = gmmvi.load(directory)
    assert main(["resume", str(directory), "--iterations", "2"]) == 0
    assert "completed" in capsys.readouterr().out
    after = gmmvi.load(directory)
    assert int(after.state.iteration) == int(before.state.iteration) + 2


@pytest.mark.parametrize("command", ["sample", "diagnose", "plot", "resume"])
def test_a_directory_without_a_result_is_named(command, tmp_path, capsys):
    assert main([command, str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_starts_are_json(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(SOURCE)
    arguments = ["fit", f"{tmp_path / 'mine.py'}:density", *SMALL]
    assert main([*arguments, "--prior-mean", "{a: 1}"]) == 2
    assert "is no number and no JSON" in capsys.readouterr().err
    assert main([*arguments, "--prior-mean", '{"a": 1.0, "s": -1.0}']) == 2
    assert "is not inside" in capsys.readouterr().err
