"""SAMTRON for the same time or iterations, the published code and this package, paired.

``python -m benchmarks.differential.paired_timed --reference PYTHON [--targets stm300 ...]
[--seconds 300] [--iterations N] [--seed 0] [--out FILE]`` with the interpreter of the environment
that ``make_reference.py`` describes. The settings are the published ones. Both mixtures are
evaluated by the same estimator: stm300 on the same instance, the minibatch targets on all data.
(The published logistic regressions have the opposite sign of theta; their means are mirrored.) The
seconds of both include importing and compiling; this package stops at the end of the chunk in
which its time runs out.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.differential.instance import store_instance
from gmmvi_jax.variants.published import published_settings

TARGETS = ("stm300", "breast_cancer_mb", "german_credit_mb", "planar_robot_4")
MIRRORED = ("breast_cancer_mb", "german_credit_mb")
EVALUATION_SAMPLES = 40_000
REPOSITORY = Path(__file__).parents[2]
MOST_ITERATIONS = 100_000  # never reached


def measure(mixture: gmmvi.GMM, target: Any, seed: int) -> dict[str, float]:
    """Returns the negative ELBO and its standard error, both mixtures by the same estimator."""
    key = jax.random.key(10_000 + seed)
    estimate = gmmvi.evaluation.elbo(mixture, target, key, EVALUATION_SAMPLES)
    return {
        "negative_elbo": -float(estimate.mean),
        "standard_error": float(estimate.standard_error),
        "components": mixture.num_components,
    }


def run_reference(
    python: Path, name: str, target: Any, seed: int, seconds: float, iterations: int
) -> dict[str, Any]:
    """Runs the published code."""
    with tempfile.TemporaryDirectory() as folder:
        settings, out = Path(folder) / "settings.json", Path(folder) / "mixture.npz"
        settings.write_text(json.dumps(published_settings()["SAMTRON"][name]))
        instance = Path(folder) / "instance.npz"
        command = [str(python), "-m", "benchmarks.differential.reference_timed", "--target", name]
        command += ["--settings", str(settings), "--instance", str(instance)]
        command += ["--seconds", str(seconds), "--iterations", str(iterations)]
        command += ["--seed", str(seed), "--out", str(out)]
        store_instance(target, instance)
        output = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        ).stdout
        with np.load(out) as file:
            arrays = {key: jnp.asarray(file[key]) for key in file.files}
    if name in MIRRORED:
        arrays["means"] = -arrays["means"]
    return json.loads(output.splitlines()[-1]) | measure(gmmvi.GMM(**arrays), target, seed)


def run_ours(name: str, target: Any, seed: int, seconds: float, iterations: int) -> dict[str, Any]:
    """Runs this package with the published settings."""
    start = time.perf_counter()
    config = gmmvi.published_config(
        "SAMTRON",
        name,
        num_iterations=iterations,
        max_components=1000 if name == "planar_robot_4" else 100,  # no run gets there
        log_every=10,
        diagnostic_samples=0,
        seed=seed,
    )
    result = gmmvi.train(
        config, target, callbacks=[lambda state, row: time.perf_counter() - start > seconds]
    )
    figures = {
        "iterations": int(result.history["iteration"][-1]),
        "evaluations": int(result.history["num_target_evaluations"][-1]),
        "seconds": time.perf_counter() - start,
    }
    return figures | measure(result.gmm, target, seed)


def main() -> None:
    """Runs both and prints what came out."""
    parser = argparse.ArgumentParser(description="SAMTRON for the same time, paired.")
    parser.add_argument("--reference", type=Path, metavar="PYTHON", required=True)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS[:3]))
    parser.add_argument("--iterations", type=int, default=MOST_ITERATIONS)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/paired_timed.json"))
    arguments = parser.parse_args()
    seed = arguments.seed
    limits = (seed, arguments.seconds, arguments.iterations)
    results = []
    for name in arguments.targets:
        target = gmmvi.targets.get(name, seed)
        figures: dict[str, Any] = {"target": name, "seed": seed}
        figures["ours"] = run_ours(name, target, *limits)
        figures["reference"] = run_reference(arguments.reference, name, target, *limits)
        results.append(figures)
        print(json.dumps(figures, indent=1), flush=True)
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
