"""PyPI ``gmmvi`` (TensorFlow), the study's own code, on the same instance of the target."""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mixture_draws import mixture_draws
from benchmarks.peers.instance import store_instance
from benchmarks.peers.tensorflow_environment import reference_python
from benchmarks.problem import Problem

# Its logistic regressions have the opposite sign of theta.
MIRRORED = ("breast_cancer", "german_credit", "breast_cancer_mb", "german_credit_mb")
REPOSITORY = Path(__file__).parents[2]


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it with the published settings.

    Its seconds are its own process's: importing TensorFlow and tracing included, JAX not.

    Settings: ``codename``; ``log_every``, iterations between snapshots.
    """
    from gmmvi_jax.variants.published import published_settings

    python = reference_python()
    target, settings = problem.target, problem.settings
    codename = settings["codename"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = published_settings()[codename][target.name]
        (folder / "settings.json").write_text(json.dumps(overrides))
        command = [str(python), "-m", "benchmarks.peers.reference_snapshots", str(folder)]
        command += ["--target", target.name, "--codename", codename]
        command += ["--seed", str(problem.seed), "--evaluations", str(problem.max_evaluations)]
        command += ["--seconds", str(problem.max_seconds)]
        command += ["--log-every", str(settings.get("log_every", 10))]
        store_instance(target, folder / "instance.npz")
        command += ["--started", str(time.time())]
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no output"]
            raise RuntimeError(f"the TensorFlow reference ended with {lines[-1]}")
        said = json.loads(done.stdout.splitlines()[-1])
        sign = -1.0 if target.name in MIRRORED else 1.0
        for row in said.pop("rows"):
            with np.load(folder / f"mixture_{row['iteration']}.npz") as file:
                draw = mixture_draws(file["log_weights"], sign * file["means"], file["factors"])
            problem.take(
                row["iteration"],
                row["evaluations"],
                draw,
                seconds=row["seconds"],
                components=row["components"],
            )
    return said
