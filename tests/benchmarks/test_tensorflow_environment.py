"""The environment of the TensorFlow reference, without making one."""

import sys

import pytest

from benchmarks.methods import UnavailableError
from benchmarks.peers import tensorflow_environment as environment


def test_an_interpreter_without_the_reference_is_refused(monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, sys.executable)
    monkeypatch.setattr(environment, "CHECK", "import a_package_that_is_not_there")
    with pytest.raises(UnavailableError, match=r"GMMVI_REFERENCE_PYTHON = .* cannot import gmmvi"):
        environment.reference_python()


def test_one_that_works_is_taken(monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, sys.executable)
    monkeypatch.setattr(environment, "CHECK", "import json")
    assert str(environment.reference_python()) == sys.executable


def fake_interpreter(folder, pip_status):
    """Writes a script that notes its arguments and does what is looked at of `venv` and `pip`."""
    script = folder / "interpreter"
    script.write_text(
        f"""#!/bin/sh
echo "$@" >> {folder}/calls
if [ "$2" = venv ]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi
if [ "$2" = pip ]; then echo "no network" >&2; exit {pip_status}; fi
"""
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize("pip_status", [0, 1])
def test_one_is_made_once(monkeypatch, tmp_path, pip_status):
    interpreter = fake_interpreter(tmp_path, pip_status)
    monkeypatch.delenv(environment.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environment.shutil, "which", lambda name: interpreter)
    folder = tmp_path / "gmmvi_jax_benchmarks" / "tensorflow"
    if pip_status:
        with pytest.raises(UnavailableError, match="could not be made: no network"):
            environment.reference_python()
        return
    assert environment.reference_python() == folder / "bin" / "python"
    assert environment.reference_python() == folder / "bin" / "python"
    calls = (tmp_path / "calls").read_text().splitlines()
    assert sum("venv" in call for call in calls) == 1
    assert calls[1] == "-m pip install --quiet " + " ".join(environment.PACKAGES)


def test_no_interpreter_no_environment(monkeypatch, tmp_path):
    monkeypatch.delenv(environment.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(UnavailableError, match=r"python3.11 is needed"):
        environment.reference_python()
