"""Runs every module of the TensorFlow reference on fixed arrays, for ``tests/differential``.

It needs an environment of its own (about 2 GB), which ``peers/tensorflow_environment.py`` makes or
takes from ``GMMVI_REFERENCE_PYTHON``.
"""

import argparse
import subprocess
from pathlib import Path

from benchmarks.peers.tensorflow_environment import reference_python
from tests.differential.inputs import SEED

REPOSITORY = Path(__file__).parents[2]


def main(arguments: list[str]) -> None:
    """Writes the file of arrays."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks differential-reference", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "tests/data/reference.npz")
    parser.add_argument("--seed", type=int, default=SEED, help="of the inputs")
    given = parser.parse_args(arguments)
    module = "benchmarks.builders.tensorflow_modules"
    command = [str(reference_python()), "-m", module, str(given.out.resolve()), str(given.seed)]
    subprocess.run(command, check=True, cwd=REPOSITORY)
