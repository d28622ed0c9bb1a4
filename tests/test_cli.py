"""The command line, in this process: one short fit, every mistake, the listings."""

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from matplotlib import image

from gmmvi_jax import GMM, from_codename, published_config, targets, train
from gmmvi_jax.cli import fit as cli_fit
from gmmvi_jax.cli.main import main
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.modules.registry import CHOICES, MODULES
from gmmvi_jax.training.watch import start_watch
from gmmvi_jax.variants.published import published_settings

SOURCE = """
import jax.numpy as jnp

def banana(x):
    return -0.5 * (x[0] ** 2 + (x[1] - x[0] ** 2) ** 2 / 0.25)

def batched(x):
    return -x ** 2

def nowhere(x):
    return jnp.nan * x[0]

class Unused:
    pass

scale = 3.0
"""
SETTINGS = {
    "log_every": 5,
    "diagnostic_samples": 100,
    "desired_samples": 20,
    "num_database_samples": 50,
    "max_database_size": 100,
    "initial_covariance": [0.5, 2.0],
}


class Fit(NamedTuple):
    """What one run of the command line left behind."""

    code: int
    output: str
    directory: Path
    file: Path


@pytest.fixture(scope="module")
def fit(tmp_path_factory) -> Fit:
    folder = tmp_path_factory.mktemp("cli")
    file = folder / "mine.py"
    file.write_text(SOURCE)
    directory = folder / "new" / "run"
    arguments = ["fit", f"{file}:banana", "--dim", "2", "--iterations", "10", "--seed", "3"]
    arguments += ["--max-components", "3", "--prior-mean", "0.5", "--out", str(directory)]
    for name, value in SETTINGS.items():
        arguments += ["--set", f"{name}={value}"]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = main(arguments)
    return Fit(code, output.getvalue(), directory, file)


def test_fit_prints_the_summary_and_where_the_files_are(fit):
    assert fit.code == 0
    assert "1 component in 2 dimensions, full covariances; completed" in fit.output
    assert "Verdict: " in fit.output
    assert str(fit.directory) in fit.output
    assert {path.name for path in fit.directory.iterdir()} == {
        "gmm.npz",
        "history.csv",
        "config.json",
        "report.png",
        "run.json",
        "snapshot-00000005.npz",
        "snapshot-00000010.npz",
        ".lock",
    }


def test_fit_writes_the_history_of_every_chunk(fit):
    with (fit.directory / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == ["5", "10"]
    assert [row["num_target_evaluations"] for row in rows] == ["100", "200"]
    assert all(np.isfinite(float(row["elbo"])) for row in rows)


def test_fit_writes_a_report(fit):
    pixels = image.imread(fit.directory / "report.png")
    assert min(pixels.shape[:2]) > 500
    assert np.ptp(pixels[..., :3]) > 0.5


def test_written_configuration_gives_the_run_again(fit):
    record = json.loads((fit.directory / "config.json").read_text())
    path, _, name = record["target"].rpartition(":")
    assert (Path(path), name) == (fit.file, "banana")
    assert set(record["versions"]) == {"gmmvi_jax", "jax", "jaxlib"}
    assert record["settings"] == SETTINGS
    assert record["published"] is False
    config = from_codename(
        record["codename"],
        record["dim"],
        num_iterations=record["num_iterations"],
        seed=record["seed"],
        max_components=record["max_components"],
        prior_mean=record["prior_mean"],
        **record["settings"],
    )
    # The function that was loaded: a new one of the same text would be compiled again.
    function = sys.modules["gmmvi_jax_user_mine"].banana
    gmm, written = train(config, function).gmm, GMM.load(fit.directory / "gmm.npz")
    for name in ("log_weights", "means", "factors"):
        np.testing.assert_array_equal(getattr(gmm, name), getattr(written, name))


class TrainingBeganError(Exception):
    """Raised in place of training, with its arguments."""


@pytest.fixture
def no_training(monkeypatch) -> None:
    def refuse(config: Any, target: Any, **_: Any) -> None:
        start_watch(config, as_log_density(target), None, None)  # what train does first
        raise TrainingBeganError(config, target)

    monkeypatch.setattr(cli_fit, "train", refuse)


def trained_with(*arguments: str) -> Any:
    """Returns the config and the target that training would have begun with."""
    with pytest.raises(TrainingBeganError) as caught:
        main(["fit", *arguments])
    return caught.value.args


@pytest.mark.usefixtures("no_training")
def test_named_target_brings_its_start_and_the_seed_its_instance():
    config, target = trained_with("gmm20", "--seed", "4", "--set", "add_iters=7")
    assert np.array_equal(target.means, targets.gmm(20, 4).means)
    assert config.run.seed == 4
    assert config.algorithm.component_adaptation.add_iters == 7
    start = config.algorithm.initial_mixture
    assert start.prior_scale == pytest.approx(target.prior_scale)
    assert start.initial_variance == pytest.approx(target.initial_covariance)


@pytest.mark.usefixtures("no_training")
def test_published_settings_are_those_of_the_study():
    config, _ = trained_with("planar_robot", "--published", "--iterations", "7")
    expected = published_config("SAMTRON", "planar_robot_4", num_iterations=7)
    assert repr(config.algorithm) == repr(expected.algorithm)
    assert config.run == expected.run


@pytest.mark.usefixtures("no_training")
def test_function_in_a_file_may_import_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("WIDTH = 2.0\n")
    code = "from neighbour_of_mine import WIDTH\ndef f(x): return -x[0] ** 2 / WIDTH\n"
    (tmp_path / "mine.py").write_text(code)
    before = list(sys.path)
    line = [f"{tmp_path / 'mine.py'}:f", "--dim", "1", "--prior-scale", "3", "--variant", "samtron"]
    config, function = trained_with(*line)
    assert function(np.array([2.0])) == -2.0
    assert config.algorithm.initial_mixture.prior_scale.tolist() == [3.0]
    assert sys.path == before
    del sys.modules["neighbour_of_mine"]


MISTAKES = {
    "no command": ("", "COMMAND"),
    "no target": ("fit", "TARGET"),
    "unknown option": ("fit gmm20 --iters 3", "--iters"),
    "not a number": ("fit gmm20 --iterations x", "'x'"),
    "unknown target": ("fit gmm21", "'gmm21' 'gmm20'"),
    "unknown codename": ("fit gmm20 --variant samtran", "'samtran' 'SAMTRON'"),
    "no iterations": ("fit gmm20 --iterations 0", "num_iterations 0"),
    "no components": ("fit gmm20 --max-components 0", "max_components 0"),
    "no published settings": ("fit planar_robot_1 --published", "'planar_robot_1' planar_robot_4"),
    "dim of a target": ("fit gmm20 --dim 3", "--dim 3 gmm20"),
    "prior of a target": ("fit gmm20 --prior-scale 2", "--prior-scale 2.0 gmm20"),
    "unknown setting": ("fit gmm20 --set add_iter=3", "'add_iter' 'add_iters'"),
    "setting without value": ("fit gmm20 --set add_iters", "add_iters name=value"),
    "setting that is a word": ("fit gmm20 --set add_iters=many", "'many' number"),
    "setting that is no JSON": ("fit gmm20 --set add_iters={1}", "'{1}' number"),
    "setting out of range": ("fit gmm20 --set del_iters=1", "del_iters 1"),
    "setting with an option": ("fit gmm20 --set seed=3", "seed=3 --seed"),
    "no function named": ("fit {file} --dim 2", "mine.py' path/to/file.py:function"),
    "no file": ("fit nothing.py:f --dim 2", "'nothing.py' path/to/file.py:function"),
    "no Python file": ("fit {text}:f --dim 2", "notes.txt .py"),
    "no such function": (
        "fit {file}:bananas --dim 2",
        "'bananas' 'banana'? banana, batched, nowhere",
    ),
    "not a function": ("fit {file}:scale --dim 2", "'scale' banana"),
    "no dim": ("fit {file}:banana", "banana --dim attribute"),
    "a far name": ("fit {file}:quux --dim 2", "'quux'. It has banana, batched, nowhere"),
    "dim of zero": ("fit {file}:banana --dim 0", "dim 0"),
    "budget of a variant": ("fit gmm20 --variant vips --budget 9", "--budget 9 --variant"),
    "no budget": ("fit gmm20 --budget 0", "budget 0"),
    "part of an evaluation": ("fit gmm20 --budget 2.5", "--budget: '2.5' is no whole number"),
    "published file": ("fit {file}:banana --dim 2 --published", "--published banana"),
    "negative prior": ("fit {file}:banana --dim 2 --prior-scale -1", "prior_scale -1.0"),
    "batched function": ("fit {file}:batched --dim 2", "(2,) scalar"),
    "NaN": ("fit {file}:nowhere --dim 2", "NaN prior_mean"),
    "file that fails": ("fit {broken}:f --dim 2", "ZeroDivisionError line 3"),
    "file that does not parse": ("fit {garbled}:f --dim 2", "SyntaxError line 1"),
    "out is a file": ("fit gmm20 --out {text}", "--out notes.txt directory"),
    "out is below a file": ("fit gmm20 --out {text}/run", "--out notes.txt/run directory"),
}


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(("line", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_before_training(line, words, tmp_path, capsys):
    contents = {
        "file": ("mine.py", SOURCE),
        "broken": ("broken.py", "\n\nwidth = 1 / 0\n"),
        "garbled": ("garbled.py", "def f(x) return x\n"),
        "text": ("notes.txt", "notes"),
    }
    paths = {key: tmp_path / name for key, (name, _) in contents.items()}
    for key, (_, text) in contents.items():
        paths[key].write_text(text)
    arguments = [
        word if word == "{1}" or "={" in word else word.format(**paths) for word in line.split()
    ]
    if "--out" not in arguments and "fit" in arguments:
        arguments += ["--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("gmmvi-jax: error: ")
    assert not (tmp_path / "run").exists()
    for word in words.split():
        assert word in captured.err


def test_missing_matplotlib_is_told_before_training(tmp_path, monkeypatch, capsys, no_training):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["fit", "gmm20", "--out", str(tmp_path / "run")]) == 2
    assert "pip install 'gmmvi_jax[plot]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(FloatingPointError("NaN everywhere"), 2), (KeyboardInterrupt(), 130)]
)
def test_what_happens_in_training_leaves_no_traceback(error, code, monkeypatch, capsys):
    def fail(*_: Any, **__: Any) -> None:
        raise error

    for function in ("train", "choose_and_fit"):
        monkeypatch.setattr(cli_fit, function, fail)
    for line in (["fit", "breast_cancer"], ["fit", "breast_cancer", "--variant", "samtron"]):
        assert main(line) == code
        assert capsys.readouterr().err.startswith("gmmvi-jax: error: ")


@pytest.mark.slow
def test_without_a_variant_everything_is_chosen_and_a_killed_run_goes_on(
    tmp_path, capsys, monkeypatch
):
    file, directory = tmp_path / "mine.py", tmp_path / "run"
    file.write_text(SOURCE)
    line = ["fit", f"{file}:banana", "--dim", "2", "--budget", "3e3", "--max-components", "8"]
    assert main([*line, "--out", str(directory)]) == 0
    captured = capsys.readouterr()
    assert "climbs found 1 basin" in captured.err
    assert "Verdict: " in captured.out
    record = json.loads((directory / "config.json").read_text())
    assert record["codename"] is None
    assert record["budget"] == 3000
    with (directory / "history.csv").open(newline="") as history:
        rows = list(csv.DictReader(history))
    spent = [int(rows[-1][f"num_{kind}_evaluations"]) for kind in ("target", "diagnostic")]
    assert sum(spent) <= 3000

    assert main([*line, "--out", str(directory)]) == 2
    assert f"`gmmvi-jax resume {directory}` goes on" in capsys.readouterr().err
    # The function that was loaded: a new one of the same text would be compiled again.
    function = sys.modules["gmmvi_jax_user_mine"].banana
    monkeypatch.setattr("gmmvi_jax.cli.problem.load_function", lambda name: function)
    (directory / max(path.name for path in directory.glob("snapshot-*"))).unlink()  # killed
    before = GMM.load(directory / "gmm.npz")
    assert main(["resume", str(directory)]) == 0
    assert "budget spent" in capsys.readouterr().out
    np.testing.assert_array_equal(GMM.load(directory / "gmm.npz").means, before.means)
    with (directory / "history.csv").open(newline="") as history:
        again = list(csv.DictReader(history))
    assert [row["elbo"] for row in again] == [row["elbo"] for row in rows]
    assert len(again) > 1


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("gmmvi-jax 0.")


def printed(capsys, command: str) -> str:
    assert main([command]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    return text


def test_targets_are_listed(capsys):
    text = printed(capsys, "targets")
    words = " ".join(text.split())
    for name in targets.names():
        assert f"{name} {targets.describe(name)}" in words


def test_variants_are_listed(capsys):
    text = printed(capsys, "variants")
    lines = [line.strip() for line in text.splitlines()]
    words = " ".join(text.split())
    for number, module in enumerate(MODULES, start=1):
        assert f"{number} {module.title}" in lines
    for choice in CHOICES:
        assert f"{choice.letter} {choice.summary}" in words
        for name, default in choice.settings.items():
            assert f"{name}={default}" in words
    for code in ("SAMTRON", "ZAMTRUX", "SEPYFUX", "SEPIFUX"):
        assert any(line.startswith(code) for line in lines)


def test_variants_with_published_settings_are_listed(capsys):
    _, _, ending = printed(capsys, "variants").partition("(--published)")
    words = " ".join(ending.split())
    for code, entries in published_settings().items():
        known = [name for name in targets.names() if name in entries]
        assert f"{code} {', '.join(known)}" in words


@pytest.mark.parametrize(
    ("variant", "codename"),
    [
        ("samtron", "SAMTRON"),
        ("SamTron", "SAMTRON"),
        ("vips", "ZAMTRUX"),
        ("VIPS", "ZAMTRUX"),
        ("ibayes_gmm", "SEPYFUX"),
        ("iBayes-GMM", "SEPYFUX"),
        ("sepifux", "SEPIFUX"),
    ],
)
def test_a_variant_may_be_named_in_any_case(variant, codename, monkeypatch, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SOURCE + "\nbanana.dim = 2\n")
    configs = []

    def stop(config, *_, **__):
        configs.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_fit, "train", stop)
    main(["fit", f"{file}:banana", "--variant", variant])
    assert repr(configs[0].algorithm) == repr(from_codename(codename, 2).algorithm)


def test_a_reader_that_goes_away_is_no_error():
    program = "import sys; from gmmvi_jax.cli import main; sys.exit(main(['targets']))"
    reader, writer = os.pipe()
    os.close(reader)  # before anything is written, as `head -0` does
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert ended.stderr == b""
    assert ended.returncode == 141
