"""Posteriors of sbibm by ``fit`` without settings, against the reference samples it ships.

Four posteriors, ten observations each. The classifier two-sample test (a network with two hidden
layers, five folds) between 10,000 reference samples and as many draws of the mixture, and as many
draws resampled by their weights: 0.5 where they cannot be told apart, 1 where always. The samples
are read from the wheel on PyPI (MIT licence), which is downloaded and not installed.
"""

import bz2
import io
import json
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.sbibm.posteriors import POSTERIORS
from benchmarks.table import in_own_process, table_parser, write_results

_WHEEL = "sbibm==1.1.0"
_CACHE = Path(tempfile.gettempdir()) / "gmmvi-sbibm"
_COUNT = 10_000


def _wheel() -> Path:
    """Returns the path of the wheel, downloaded once."""
    if not list(_CACHE.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", _WHEEL]
        subprocess.run([*command, "--dest", str(_CACHE)], check=True)
    return next(_CACHE.glob("*.whl"))


def _table(name: str, observation: int, file: str) -> np.ndarray:
    """Returns the numbers of a file of the wheel [rows, columns], or [columns] if it has a row."""
    path = f"sbibm/tasks/{name}/files/num_observation_{observation}/{file}"
    with zipfile.ZipFile(_wheel()) as archive:
        content = archive.read(path)
    text = (bz2.decompress(content) if file.endswith(".bz2") else content).decode()
    return np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)


def _measure(name: str, observation: int, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    posterior = POSTERIORS[name]
    data = _table(name, observation, posterior.observation)
    reference = _table(name, observation, "reference_posterior_samples.csv.bz2")[:_COUNT]

    def log_density(x: Any) -> Any:
        return posterior.log_density(x, data)

    result = gmmvi.fit(
        log_density, posterior.dim, domain=posterior.domain, seed=seed, verbose=False
    )
    last = {column: values[-1].item() for column, values in result.history.items()}
    refined = result.refine(1, _COUNT)
    figures = {}
    for kind, draws in (("", result.sample(2, _COUNT)), ("refined_", refined.position)):
        test = gmmvi.evaluation.classifier_two_sample_test(draws, reference, 3)
        figures[f"{kind}accuracy"] = test.accuracy
    return {
        "posterior": name,
        "observation": observation,
        "seed": seed,
        "status": str(result.status),
        "components": result.gmm.num_components,
        "evaluations": last["num_target_evaluations"] + last["num_diagnostic_evaluations"],
        "seconds": last["wall_time"],
        "elbo": last["elbo"],
        "k_hat": refined.k_hat,
        **figures,
    }


def main(arguments: list[str]) -> int:
    """Runs the table; prints a line per run."""
    parser = table_parser("sbibm", __doc__, list(POSTERIORS))
    parser.add_argument("--observations", nargs="+", type=int, default=list(range(1, 11)))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if given.worker:
        print(json.dumps(_measure(*json.loads(given.worker[0]))))
        return 0
    _wheel()
    runs: list[dict[str, Any]] = []
    for name in given.names:
        for observation in given.observations:
            row = json.dumps((name, observation, given.seed))
            run = in_own_process("sbibm", [row])
            runs.append(run)
            write_results(given.out, runs)
            print(
                f"{name:<18}{observation:>3} {run['status']:<13}{run['evaluations']:>9,} "
                f"{run['seconds']:>6.0f} s {run['components']:>4}  two-sample test "
                f"{run['accuracy']:.3f}, refined {run['refined_accuracy']:.3f}  k-hat "
                f"{run['k_hat']:.2f}",
                flush=True,
            )
    return 0
