"""SEPYFUX on stm20, the published code and this package on the same instance and initial mixture.

``python -m benchmarks.differential.paired_stm20 --reference PYTHON [--seed 0]
[--evaluations 500000] [--only ours|reference] [--out FILE]`` with the interpreter of the
environment that ``make_reference.py`` describes. The settings are those of a published run: 25
components, initial component stepsize 0.01, weight stepsize 0, 200 samples of the mixture per
iteration, plain importance weights in the gradients. The initial mixture is drawn as published
(means N(0, 100^2), covariance 300), once for both. Each run's seconds include its compilation.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax.targets import StudentTMixtureTarget, stm

COMPONENTS = 25
SAMPLES = 200
EVALUATION_SAMPLES = 40_000


def initial_means(target: StudentTMixtureTarget, seed: int) -> np.ndarray:
    """Returns [25, D] the means both runs start from."""
    noise = np.random.default_rng([seed, 1]).normal(size=(COMPONENTS, target.dim))
    return (target.prior_mean + target.prior_scale * noise).astype(np.float32)


def measure(mixture: gmmvi.GMM, target: StudentTMixtureTarget, seed: int) -> dict[str, float]:
    """Returns the negative ELBO and its standard error, both mixtures by the same estimator."""
    key = jax.random.key(10_000 + seed)
    estimate = gmmvi.evaluation.elbo(mixture, target, key, EVALUATION_SAMPLES)
    return {
        "negative_elbo": -float(estimate.mean),
        "standard_error": float(estimate.standard_error),
    }


def run_reference(
    python: Path, target: StudentTMixtureTarget, seed: int, evaluations: int
) -> dict[str, Any]:
    """Runs the published code; the ELBO of its mixture is ours, its own one comes along."""
    factors = np.asarray(target.factors)
    script = Path(__file__).with_name("reference_stm20.py")
    with tempfile.TemporaryDirectory() as folder:
        start, out = Path(folder) / "start.npz", Path(folder) / "mixture.npz"
        np.savez(
            start,
            target_means=np.asarray(target.means),
            target_scales=factors @ factors.transpose(0, 2, 1),
            means=initial_means(target, seed),
            variance=np.array(target.initial_covariance),
        )
        command = [str(python), str(script), "--start", str(start), "--out", str(out)]
        command += ["--seed", str(seed), "--evaluations", str(evaluations)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        with np.load(out) as file:
            mixture = gmmvi.GMM(**{name: jax.numpy.asarray(file[name]) for name in file.files})
    own = json.loads(output.splitlines()[-1])
    figures = {key: own[key] for key in ("evaluations", "seconds")}
    return figures | measure(mixture, target, seed) | {"own_negative_elbo": own["negative_elbo"]}


def run_ours(target: StudentTMixtureTarget, seed: int, evaluations: int) -> dict[str, Any]:
    """Runs this package with the published settings."""
    start = time.perf_counter()
    config = gmmvi.published_config(
        "SEPYFUX", "stm20", num_iterations=evaluations // SAMPLES, seed=seed
    )
    covariances = np.tile(target.initial_covariance * np.eye(target.dim), (COMPONENTS, 1, 1))
    weights = np.full(COMPONENTS, 1.0 / COMPONENTS)
    initial = gmmvi.GMM.from_moments(weights, initial_means(target, seed), covariances)
    result = gmmvi.train(config, target, initial=initial)
    seconds = time.perf_counter() - start
    used = int(result.history["num_target_evaluations"][-1])
    return {"evaluations": used, "seconds": seconds} | measure(result.gmm, target, seed)


def main() -> None:
    """Runs both and prints what came out."""
    parser = argparse.ArgumentParser(description="SEPYFUX on stm20, paired.")
    parser.add_argument("--reference", type=Path, metavar="PYTHON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluations", type=int, default=500_000)
    parser.add_argument("--only", choices=["ours", "reference"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    seed, evaluations = arguments.seed, arguments.evaluations
    target = stm(20, seed)
    figures: dict[str, Any] = {"seed": seed}
    if arguments.only != "ours":
        if arguments.reference is None:
            parser.error(
                "--reference is the interpreter that has the published code; or --only ours"
            )
        figures["reference"] = run_reference(arguments.reference, target, seed, evaluations)
    if arguments.only != "reference":
        figures["ours"] = run_ours(target, seed, evaluations)
    print(json.dumps(figures, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
