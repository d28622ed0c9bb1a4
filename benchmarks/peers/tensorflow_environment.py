"""The TensorFlow reference's own environment, made once in the user's cache folder (about 2 GB)."""

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.methods import UnavailableError

PACKAGES = ("gmmvi==1.1", "tensorflow-cpu", "tensorflow-probability==0.25.0", "tf-keras")
# An environment that is there already, by its interpreter.
VARIABLE = "GMMVI_REFERENCE_PYTHON"
CHECK = "import gmmvi.optimization.gmmvi"


def cache_folder() -> Path:
    """Returns where the environment is made."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "gmmvi_jax_benchmarks" / "tensorflow"


def works(python: Path) -> bool:
    """Returns whether the interpreter can import the reference."""
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [str(python), "-c", CHECK]
    return (
        python.exists()
        and not subprocess.run(command, env=environment, capture_output=True).returncode
    )


def reference_python() -> Path:
    """Returns the interpreter that has the reference; makes its environment if need be.

    Raises:
        UnavailableError: it could not be made; or the one that the variable names does not work.
    """
    if named := os.environ.get(VARIABLE):
        if works(Path(named)):
            return Path(named)
        raise UnavailableError(f"{VARIABLE} = {named!r} cannot import gmmvi")
    folder = cache_folder()
    python = folder / "bin" / "python"
    if works(python):
        return python
    interpreter = shutil.which("python3.11")  # the reference's packages have no later one
    if interpreter is None:
        raise UnavailableError(
            "python3.11 is needed for the environment of the TensorFlow reference"
        )
    for command in (
        [interpreter, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no output"]
            raise UnavailableError(f"{folder} could not be made: {lines[-1]}")
    if not works(python):
        raise UnavailableError(f"{folder} was made but cannot import gmmvi; remove it to try again")
    return python
