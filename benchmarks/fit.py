"""``gmmvi_jax.fit`` without settings: evaluations, ELBO and seconds until it ends by itself.

The targets of the study get the published prior's mean and scale, others bring theirs. The ELBO is
that of 40,000 fresh draws; evaluations are those of the search and of training, and apart from them
the diagnostic ones. Every run has a process of its own.
"""

import json
import statistics
import warnings
from typing import Any

import gmmvi_jax as gmmvi
from benchmarks.table import in_own_process, table_parser, write_results

_NUM_DRAWS = 40_000
# Evaluations after which a row ends; None: when it has converged.
BUDGETS = {
    "breast_cancer": 250_000,
    "gmm20": None,
    "gmm100": None,
    "stm20": 250_000,
    "planar_robot_4": 220_000,
    "german_credit": None,
    "funnel": 250_000,
    "many_well": None,
    "rings": None,
    "banana": None,
}


def _prior(name: str) -> dict[str, Any]:
    """Returns mean and scale of the published prior, nothing where the target brings its own."""
    try:
        start = gmmvi.published_config("SAMTRON", name).algorithm.initial_mixture
    except ValueError:
        return {}
    return {"prior_mean": start.prior_mean, "prior_scale": start.prior_scale}


def _measure(name: str, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    target = gmmvi.targets.get(name, seed)
    result = gmmvi.fit(target, seed=seed, budget=BUDGETS[name], verbose=False, **_prior(name))
    last = {column: values[-1].item() for column, values in result.history.items()}
    found = gmmvi.evaluation.elbo(result.gmm, target, 1, _NUM_DRAWS)
    return {
        "target": name,
        "seed": seed,
        "status": str(result.status),
        "iterations": last["iteration"],
        "components": result.gmm.num_components,
        "evaluations": last["num_target_evaluations"],
        "diagnostic_evaluations": last["num_diagnostic_evaluations"],
        "negative_elbo": -float(found.mean),
        "standard_error": float(found.standard_error),
        "seconds": last["wall_time"],
    }


def main(arguments: list[str]) -> int:
    """Runs the table; prints a line per run and the medians of each target."""
    parser = table_parser("fit", __doc__, list(BUDGETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args(arguments)
    if given.worker:
        name, seed = given.worker
        print(json.dumps(_measure(name, int(seed))))
        return 0
    runs: list[dict[str, Any]] = []
    for name in given.names:
        own = [in_own_process("fit", [name, str(seed)]) for seed in given.seeds]
        for run in own:
            print(
                f"{name:<16}{run['seed']:>5}  {run['status']:<13}{run['evaluations']:>9,}"
                f"{run['components']:>5}  {run['negative_elbo']:.4f} +- {run['standard_error']:.4f}"
                f"{run['seconds']:>8.1f} s",
                flush=True,
            )
        evaluations, elbo, seconds = (
            statistics.median(run[key] for run in own)
            for key in ("evaluations", "negative_elbo", "seconds")
        )
        print(
            f"{name:<16}median {evaluations:>20,.0f}       {elbo:.4f}{seconds:>18.1f} s", flush=True
        )
        runs += own
        write_results(given.out, runs)
    return 0
