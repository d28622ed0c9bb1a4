"""Suites resume where they were, and skip what is not installed, with a line."""

import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks import methods
from benchmarks.__main__ import COMMANDS, main
from benchmarks.run_record import read_record, write_record
from benchmarks.runner import in_own_process, run_suite
from benchmarks.specification import Specification
from benchmarks.suites import SUITES, runs_of_suite

ROOT = Path(methods.__file__).parent
RUN = Specification("suite", "a method", "gmmvi_jax", "banana", 0, {"codename": "SAMTRON"}, 10, 1.0)
RUNS = [dataclasses.replace(RUN, seed=seed) for seed in range(3)]


class Runs:
    """Stands in for the processes: notes what it is asked to run."""

    def __init__(self, stop_at=None):
        self.made = []
        self.stop_at = stop_at

    def __call__(self, specification, path):
        if specification.seed == self.stop_at:
            raise KeyboardInterrupt
        self.made.append(specification.seed)
        rows = [{"evaluations": 5, "seconds": 1.0}]
        write_record(path, specification, "done", rows=rows, final={"elbo": -1.0}, said={})


@pytest.mark.slow
def test_an_interrupted_suite_resumes(tmp_path):
    first = Runs(stop_at=1)
    with pytest.raises(KeyboardInterrupt):
        run_suite(RUNS, tmp_path, first)
    again = Runs()
    assert run_suite(RUNS, tmp_path, again)["kept"] == 1
    assert first.made == [0]
    assert again.made == [1, 2]
    last = Runs()
    assert run_suite(RUNS, tmp_path, last)["kept"] == 3
    assert last.made == []


def test_other_settings_and_half_written_records_are_run_again(tmp_path):
    run_suite(RUNS, tmp_path, Runs())
    changed = [dataclasses.replace(RUNS[0], max_evaluations=20), *RUNS[1:]]
    (tmp_path / RUNS[2].file_name).write_text('{"format": 1, "status"')
    again = Runs()
    run_suite(changed, tmp_path, again)
    assert again.made == [0, 2]


def test_failures_are_tried_again(tmp_path):
    path = tmp_path / RUN.file_name
    write_record(path, RUN, "failed", reason="it was too large")
    again = Runs()
    run_suite([RUN], tmp_path, again)
    assert again.made == [0]


def test_a_missing_package_is_skipped_with_a_line(tmp_path, monkeypatch, capsys):
    absent = methods.Method("nowhere", ("a_package_that_is_not_there",))
    monkeypatch.setitem(methods.METHODS, "absent", absent)
    other = dataclasses.replace(RUN, method="absent", label="absent")
    runs = Runs()
    outcomes = run_suite([other, RUN], tmp_path, runs)
    assert outcomes == {"kept": 0, "done": 1, "skipped": 1, "failed": 0}
    assert runs.made == [0]
    lines = capsys.readouterr().out.splitlines()
    assert "skipped -- not installed: a_package_that_is_not_there" in lines[0]
    record = read_record(tmp_path / other.file_name)
    assert record is not None
    assert record["status"] == "skipped"


def test_what_cannot_run_here_is_tried_once(tmp_path):
    def unavailable(specification, path):
        tried.append(specification.seed)
        write_record(path, specification, "skipped", reason="no network")

    tried = []
    assert run_suite(RUNS, tmp_path, unavailable)["skipped"] == 3
    assert tried == [0]


def test_a_run_is_a_process_and_its_failure_a_record(tmp_path):
    unknown = dataclasses.replace(RUN, target="bananas")
    path = tmp_path / unknown.file_name
    in_own_process(unknown, path)
    record = read_record(path)
    assert record is not None
    assert record["status"] == "failed"
    assert "bananas" in record["reason"]
    assert record["specification"] == json.loads(json.dumps(dataclasses.asdict(unknown)))


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match=r"method = 'nuts' is none of gmmvi_jax"):
        methods.missing_packages("nuts")


@pytest.mark.parametrize("suite", SUITES)
def test_suites(suite):
    for preset in ("small", "full"):
        one, two = (runs_of_suite(suite, preset, seeds) for seeds in (1, 2))
        names = {specification.file_name for specification in two}
        assert len(names) == len(two) == 2 * len(one)
        assert all(specification.method in methods.METHODS for specification in two)
        assert [specification.seed for specification in two[: len(one)]] == [0] * len(one)
    assert sum(run.max_seconds for run in runs_of_suite(suite, "small", 1)) < 15 * 60


def test_paper_suites_have_the_studys_variants():
    from gmmvi_jax.variants.codenames import codenames
    from gmmvi_jax.variants.published import published_settings

    def variants(suite, target):
        runs = runs_of_suite(suite, "full", 1)
        return {run.settings["codename"] for run in runs if run.target == target}

    assert len(variants("paper-1", "wine")) == 18
    assert len(variants("paper-2", "gmm20")) == 24
    assert variants("paper-3", "breast_cancer") == set(published_settings())
    for suite in ("paper-1", "paper-2"):
        for run in runs_of_suite(suite, "full", 1):
            assert run.settings["codename"] in codenames()


def test_the_command_lists_the_runs(tmp_path, capsys):
    out = str(tmp_path)
    assert main(["run", "paper-3", "--targets", "gmm20", "--list", "--out", out]) == 0
    lines = capsys.readouterr().out.split()
    assert len(lines) == 9
    assert "paper-3-gmm20-SAMTRON-seed0.json" in lines
    with pytest.raises(SystemExit):
        main(["run", "paper-3", "--targets", "gmm21", "--list", "--out", out])
    assert "--targets gmm21 is none of" in capsys.readouterr().err


def test_every_benchmark_is_listed_and_has_a_main(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    for name, (module, _) in COMMANDS.items():
        assert f"  {name} " in listed
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()
    assert main(["nothing"]) == 2
    assert "There is no benchmark 'nothing'" in capsys.readouterr().err
