"""Commands on the directory of a fit, and positions and domains of a function in a file."""

import csv
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import domains
from gmmvi_jax.cli import fit as cli_fit
from gmmvi_jax.cli import resume as cli_resume
from gmmvi_jax.cli import saved
from gmmvi_jax.cli.domain_text import domain_from_json
from gmmvi_jax.cli.main import _parser, main
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.evaluation import Posterior
from gmmvi_jax.training.history_files import csv_line
from gmmvi_jax.training.run_lock import locked

SOURCE = """
import jax.numpy as jnp
from gmmvi_jax import domains

class Density:
    position = {"a": 0.5, "s": jnp.ones(2)}
    domain = {"s": domains.positive}

    def __call__(self, p):
        return -0.5 * p["a"] ** 2 - jnp.sum(p["s"])

density = Density()

def vector(x):
    return -0.5 * jnp.sum(jnp.log(x) ** 2)
"""
# A variant that compiles fast.
SMALL = ["--variant", "semtfox", "--iterations", "4", "--max-components", "2"]
SMALL += ["--set", "log_every=2"]
SMALL += ["--set", "desired_samples=20", "--set", "diagnostic_samples=100"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    (folder / "mine.py").write_text(SOURCE)
    line = ["fit", f"{folder / 'mine.py'}:density", *SMALL, "--domain", '{"s": "positive"}']
    assert main([*line, "--quiet", "--out", str(folder / "run")]) == 0
    LOADED.append(sys.modules["gmmvi_jax_user_mine"].density)
    return folder / "run"


LOADED = []


def test_samples_are_positions_with_names(directory, capsys):
    assert main(["sample", str(directory), "-n", "50", "--seed", "1"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert list(rows[0]) == ["a", "s[0]", "s[1]"]
    found = np.array([[float(value) for value in row.values()] for row in rows])
    draws = gmmvi.load(directory).sample(1, 50)
    assert np.allclose(found, np.column_stack([draws["a"], draws["s"]]))
    assert main(["sample", str(directory), "-n", "0"]) == 0
    assert capsys.readouterr().out == "a,s[0],s[1]\n"
    path = directory.parent / "samples.csv"
    assert main(["sample", str(directory), "--csv", str(path)]) == 0
    assert len(path.read_text().splitlines()) == 1_001


def test_names_with_commas_are_quoted():
    gmm = gmmvi.GMM(jnp.zeros(1), jnp.zeros((1, 2)), jnp.ones((1, 2)))
    names = Posterior(gmm, position_layout(jnp.zeros((1, 2)))).value_names
    assert names == ["x[0, 0]", "x[0, 1]"]
    assert next(csv.reader([csv_line(names)])) == names
    assert Posterior(gmm).value_names == ["x[0]", "x[1]"]


def test_draws_are_arrays_that_numpy_reads(directory, capsys):
    path = directory.parent / "own.npz"
    line = ["convert", str(directory), "--to", "npz", "-n", "60", "--seed", "1"]
    assert main([*line, "--out", str(path)]) == 0
    assert f"60 weighted draws are in {path}" in capsys.readouterr().out
    with np.load(path, allow_pickle=False) as archive:
        found = dict(archive)
    assert set(found) == {"position.a", "position.s", "free", "log_p", "log_q", "weights"}
    assert found["position.s"].shape == (60, 2)
    assert np.allclose(found["position.s"], np.exp(found["free"][:, 1:]), rtol=1e-5)
    jacobians = found["free"][:, 1:].sum(1)
    right = -0.5 * found["position.a"] ** 2 - found["position.s"].sum(1) + jacobians
    assert np.allclose(found["log_p"], right, atol=1e-4)
    assert np.isclose(found["weights"].sum(), 1.0)


def test_what_fails_leaves_the_old_file(directory, capsys, monkeypatch):
    path = directory / "draws.npz"
    path.write_bytes(b"old")

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(saved.np, "savez", fail)
    assert main(["convert", str(directory), "--to", "npz", "-n", "60"]) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert path.read_bytes() == b"old"
    assert not list(directory.glob(".*.tmp"))
    absent = directory / "absent" / "draws.npz"
    assert main(["convert", str(directory), "--to", "npz", "--out", str(absent)]) == 2
    assert f"create the directory {absent.parent}" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no such device")
@pytest.mark.parametrize("command", ["convert --to npz --out", "plot --out", "sample --csv"])
def test_devices_and_directories_as_files(command, directory, capsys):
    first, *rest = command.split()
    line = [first, str(directory), *rest]
    assert main([*line, "/dev/null"]) == 0
    capsys.readouterr()
    assert main([*line, str(directory)]) == 2
    assert f"cannot save to {directory}: it is a directory" in capsys.readouterr().err
    assert main([*line, ""]) == 2
    assert "the path is empty" in capsys.readouterr().err


def test_a_record_that_is_damaged_is_named(tmp_path, capsys):
    for text, words in (
        ("{", "JSONDecodeError"),
        ("{}", "KeyError: 'target'"),
        ('{"target": "gmm20"}', "it has no dim"),
    ):
        (tmp_path / "config.json").write_text(text)
        assert main(["resume", str(tmp_path)]) == 2
        told = capsys.readouterr().err
        assert f"config.json is damaged ({words}" in told
        assert "begin the same fit with another --out" in told


def test_a_run_whose_snapshots_are_gone_is_not_begun_anew(directory, tmp_path, capsys):
    run = shutil.copytree(directory, tmp_path / "run")
    for path in run.glob("snapshot-*"):
        path.unlink()
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    for line in (["resume", str(run)], ["fit", "gmm20", "--out", str(run)], ["sample", str(run)]):
        assert main(line) == 2
        assert "are gone, and without them it cannot go on" in capsys.readouterr().err
    assert {name: (run / name).read_bytes() for name in before if name != ".lock"} == {
        name: text for name, text in before.items() if name != ".lock"
    }


def test_two_fits_in_one_directory_keep_the_record_of_the_first(directory, tmp_path, capsys):
    record = shutil.copy(directory / "config.json", tmp_path)
    with locked("--out", tmp_path):
        assert main(["fit", "gmm20", "--iterations", "3", "--out", str(tmp_path)]) == 2
    assert "in use by another run" in capsys.readouterr().err
    assert Path(record).read_bytes() == (directory / "config.json").read_bytes()


def test_a_fit_is_a_file_of_arviz(directory, capsys, monkeypatch):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("arviz_base")
    line = ["convert", str(directory), "--to", "arviz", "-n", "60"]
    if importlib.util.find_spec("h5netcdf"):
        assert main(line) == 0
        assert f"are in {directory / 'draws.nc'}" in capsys.readouterr().out
        tree = xarray.open_datatree(directory / "draws.nc", engine="h5netcdf")
        assert tree["posterior"]["s"].shape == (1, 60, 2)
        assert set(tree["sample_stats"]) == {"lp", "log_q", "log_weight"}
        assert tree.attrs["status"] == "completed"
        tree.close()
    monkeypatch.setattr(saved, "_NETCDF_ENGINES", ("an_engine_that_is_absent",))
    assert main(line) == 2
    assert 'pip install "gmmvi_jax[arviz]"' in capsys.readouterr().err


def test_a_diagnosis_and_a_picture_come_without_naming_the_target(directory, capsys):
    assert main(["diagnose", str(directory), "-n", "100"]) == 0
    output = capsys.readouterr().out
    assert "ELBO" in output
    assert "Verdict: " in output
    assert main(["plot", str(directory), "--out", str(directory.parent / "again.png")]) == 0
    assert (directory.parent / "again.png").stat().st_size > 10_000


def test_a_run_goes_on_where_it_ended(directory, capsys, monkeypatch):
    # The function that was loaded: a new one of the same text would be compiled again.
    monkeypatch.setattr(saved, "load_function", lambda name: LOADED[0])
    before = gmmvi.load(directory)
    (directory / "snapshot-00000004.npz").unlink()  # as if it had been killed
    assert gmmvi.load(directory).status == "interrupted"
    assert main(["resume", str(directory)]) == 0
    assert str(gmmvi.load(directory).status) == "completed"
    np.testing.assert_array_equal(gmmvi.load(directory).gmm.means, before.gmm.means)
    with monkeypatch.context() as patched:
        patched.setattr(cli_resume, "tell", lambda asked, target, result: result.ending)
        assert main(["resume", str(directory)]) == 0  # as if its diagnosis had been killed
    assert f"left to do; `gmmvi-jax resume {directory} --iterations N`" in capsys.readouterr().out
    assert gmmvi.load(directory).state.iteration == before.state.iteration
    assert main(["resume", str(directory), "--iterations", "2"]) == 0
    assert "completed" in capsys.readouterr().out
    after = gmmvi.load(directory)
    assert int(after.state.iteration) == int(before.state.iteration) + 2
    count = len(before.history["iteration"])
    np.testing.assert_array_equal(after.history["elbo"][:count], before.history["elbo"])
    assert len(after.history["iteration"]) > count


@pytest.mark.parametrize("command", ["sample", "convert --to npz", "diagnose", "plot", "resume"])
def test_a_directory_without_a_result_is_named(command, tmp_path, capsys):
    assert main([*command.split(), str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_starts_are_json(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(SOURCE)
    arguments = ["fit", f"{tmp_path / 'mine.py'}:density", *SMALL]
    assert main([*arguments, "--prior-mean", "{a: 1}"]) == 2
    assert "is no number and no JSON" in capsys.readouterr().err
    assert main([*arguments, "--prior-mean", '{"a": 1.0, "s": -1.0}']) == 2
    assert "is not inside" in capsys.readouterr().err


def test_a_domain_is_that_of_the_fit(directory, tmp_path, monkeypatch):
    assert json.loads((directory / "config.json").read_text())["domain"] == {"s": "positive"}
    configs = []

    def stop(config, *_, **__):
        configs.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_fit, "train", stop)
    (tmp_path / "mine.py").write_text(SOURCE)
    line = ["fit", f"{tmp_path / 'mine.py'}:vector", "--dim", "2", *SMALL]
    assert main([*line, "--domain", '["lower", 0.5]']) == 130
    line = ["fit", f"{tmp_path / 'mine.py'}:density", *SMALL]
    assert main([*line, "--domain", '{"s": ["interval", 0, 2]}']) == 130  # not its attribute
    assert configs[0].layout.domains == (domains.lower(0.5),)
    assert configs[1].layout.domains == (domains.real, domains.interval(0, 2))


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ('"simplex"', domains.simplex),
        ('["interval", -1, [1, 2]]', domains.interval(-1, [1, 2])),
        ('["lower", 3]', domains.lower(3)),
        ("periodic", domains.periodic()),
        ('["periodic", 0, 1]', domains.periodic(0, 1)),
        ('{"a": {"b": "positive"}, "c": ["fixed", 2.5]}', None),
    ],
)
def test_json_names_any_domain(text, domain):
    right = {"a": {"b": domains.positive}, "c": domains.fixed(2.5)} if domain is None else domain
    line = ["fit", "mine.py:f", "--domain", text]
    assert domain_from_json(_parser().parse_args(line).domain) == right


MISTAKES = {
    "no JSON": ("density", "{a: positive}", "'{a: positive}' is no name and no JSON"),
    "unknown": ("density", '{"s": "positiv"}', "of s: \"positiv\": .*'positiv'; did you mean 'pos"),
    "the list": ("density", "quux", "'quux'. Domains are cholesky_factor, .*upper"),
    "a number": ("density", "3", "there is no domain 3. Domains are"),
    "a list of nothing": ("density", "[]", "no domain"),
    "arguments missing": ("density", '{"s": "lower"}', 'of s: "lower": .*write ."lower", bound.'),
    "arguments of none": ("density", '["positive", 0]', 'takes no arguments; write "positive"'),
    "out of order": ("density", '["interval", 2, 1]', "interval needs finite bounds"),
    "no number": ("density", '["lower", "a"]', "bound must be an array of real numbers"),
    "no such part": ("density", '{"t": "positive"}', "has no 't'.* It has a, s"),
    "parts of a vector": (
        "vector",
        '{"t": "positive"}',
        "is a vector; .*position, .*{'t': 1",
    ),
    "a shape": ("density", '{"s": ["lower", [1, 2, 3]]}', "domain of 's': .*shape"),
}


@pytest.mark.parametrize(("function", "text", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_a_domain_are_named(function, text, words, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(SOURCE)
    line = ["fit", f"{tmp_path / 'mine.py'}:{function}", *SMALL, "--domain", text]
    assert main([*line, "--dim", "2"] if function == "vector" else line) == 2
    assert re.search(words, capsys.readouterr().err)


def test_a_target_of_the_package_has_its_own_domain(capsys):
    assert main(["fit", "gmm20", "--domain", "positive"]) == 2
    assert "--domain positive is for functions in files" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sample", "diagnose", "plot", "resume", "convert --to npz"])
def test_a_directory_that_is_not_there_is_named(command, capsys):
    name, *options = command.split()
    assert main([name, "nowhere", *options]) == 2
    assert "nowhere; give the one that `gmmvi-jax fit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "ending"),
    [("convert --to npz", ".npz"), ("convert --to arviz", ".nc")],
)
def test_a_file_of_another_kind_is_refused(line, ending, directory, capsys):
    name, *options = line.split()
    assert main([name, str(directory), *options, "--out", "draws.csv"]) == 2
    assert f"draws.csv: a file of this kind ends in {ending}" in capsys.readouterr().err


def test_a_figure_may_be_of_any_kind_that_matplotlib_writes(directory, tmp_path, capsys):
    assert main(["plot", str(directory), "--out", str(tmp_path / "run.pdf")]) == 0
    assert (tmp_path / "run.pdf").read_bytes().startswith(b"%PDF")
    assert main(["plot", str(directory), "--out", str(tmp_path / "run.xyz")]) == 2
    assert "run.xyz is to be a figure: let it end in .png, or in .eps" in capsys.readouterr().err


def test_student_t_components_are_asked_for_and_shown(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(SOURCE)
    line = ["fit", f"{tmp_path / 'mine.py'}:density", *SMALL, "--components", "student_t"]
    assert main([*line, "--degrees", "3", "--out", str(tmp_path / "run")]) == 0
    assert "Student-t (nu 3) component" in capsys.readouterr().out
    assert isinstance(gmmvi.load(tmp_path / "run").gmm, gmmvi.TMixture)
    assert main(["resume", str(tmp_path / "run"), "--iterations", "2"]) == 0
    assert "Student-t (nu 3) component" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["sample", "diagnose", "plot", "convert --to npz"])
def test_a_run_that_was_killed_at_once_can_be_begun_again(command, directory, tmp_path, capsys):
    shutil.copy(directory / "config.json", tmp_path / "config.json")
    name, *options = command.split()
    assert main([name, str(tmp_path), *options]) == 2
    assert f"`gmmvi-jax resume {tmp_path}` begins it again" in capsys.readouterr().err
