"""Which settings matter: SAMTRON with one thing changed at a time, at equal evaluations.

Every run starts from the defaults of ``samtron`` with the target's prior and changes one setting,
or one letter of the codename, whose own settings have their defaults. It ends when its budget is
spent, at the next of the rows that are five iterations apart. ``fit``, which chooses all of them,
runs beside with the same prior and budget. The ELBO is that of 20,000 fresh draws of the mixture
that is returned; what a change costs is the difference of its median over the seeds from the
defaults' median. Where a target's modes are known, they are counted as well.
"""

import json
import statistics
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gmmvi_jax as gmmvi
from benchmarks.metrics import Metrics
from benchmarks.mixture_draws import mixture_draws
from benchmarks.settings.changes import CHANGES, CODENAMES, PROBLEMS, applied, label
from benchmarks.table import in_own_process, table_parser, write_results

_NUM_DRAWS = 20_000
_ROWS_APART = 5  # iterations
_MOST_ITERATIONS = 1_500
_FIXED_COMPONENTS = 20  # of choice E
_DEFAULTS = "SAMTRON"
_FIT = "fit"


def _desired_samples(dim: int) -> int:
    """Returns the default of ``desired_samples``, which depends on D."""
    selector: Any = gmmvi.samtron(dim).algorithm.sample_selector
    return int(selector.desired_samples)


def _run(name: str, change: str, seed: int) -> gmmvi.TrainResult:
    """Returns a run of one target with one change."""
    (problem,) = (each for each in PROBLEMS if each.target == name)
    target: Any = gmmvi.targets.get(name, seed)
    if change == _FIT:
        return gmmvi.fit(
            target,
            prior_mean=0.0,
            prior_scale=problem.prior_scale,
            budget=problem.budget,
            seed=seed,
            verbose=False,
        )
    settings = {
        "prior_mean": 0.0,
        "prior_scale": problem.prior_scale,
        "desired_samples": _desired_samples(target.dim),
        "num_iterations": _MOST_ITERATIONS,
        "log_every": _ROWS_APART,
        "diagnostic_samples": 0,
        "seed": seed,
    }
    for setting, values in CHANGES.items():
        for value in values:
            if label(setting, value) == change:
                settings = applied(settings, setting, value)
    codename = change if change in CODENAMES else "SAMTRON"
    if codename == "SEMTRON":  # whose number of components is what it starts with
        settings["num_initial_components"] = _FIXED_COMPONENTS
    config = gmmvi.from_codename(codename, target.dim, **settings)
    return gmmvi.train(config, target, until=gmmvi.EvaluationBudget(problem.budget))


def _measure(name: str, change: str, seeds: list[int]) -> list[dict[str, Any]]:
    """Returns a record per seed; the runs of a process share what they compile."""
    warnings.simplefilter("ignore")
    records = []
    for seed in seeds:
        target: Any = gmmvi.targets.get(name, seed)
        result = _run(name, change, seed)
        found = gmmvi.evaluation.elbo(result.gmm, target, 1, _NUM_DRAWS)
        draws = mixture_draws(result.gmm.log_weights, result.gmm.means, result.gmm.factors)
        last = {column: values[-1].item() for column, values in result.history.items()}
        records.append(
            {
                "target": name,
                "change": change,
                "seed": seed,
                "status": str(result.status),
                "iterations": last["iteration"],
                "evaluations": last["num_target_evaluations"],
                "components": result.gmm.num_components,
                "negative_elbo": -float(found.mean),
                "standard_error": float(found.standard_error),
                "modes": Metrics(target, seed).coverage(draws).get("modes"),
                "seconds": last["wall_time"],
            }
        )
    return records


def _print_change(records: list[dict[str, Any]], default: float | None) -> None:
    elbos = [record["negative_elbo"] for record in records]
    median = statistics.median(elbos)
    cost = "" if default is None else f"{median - default:+9.3f}"
    modes = [record["modes"] for record in records if record["modes"] is not None]
    print(
        f"  {records[0]['change']:<34}{median:10.3f} ({min(elbos):.3f} to {max(elbos):.3f}){cost}"
        + (f"  modes {modes}" if modes else ""),
        flush=True,
    )


def _others(path: Path, names: list[str], changes: list[str]) -> list[dict[str, Any]]:
    """Returns the runs in a file of results that are not to be measured again."""
    if not path.exists():
        return []
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    return [run for run in runs if run["target"] not in names or run["change"] not in changes]


def main(arguments: list[str]) -> int:
    """Runs all changes on all targets; prints what each costs."""
    parser = table_parser("settings", __doc__, [problem.target for problem in PROBLEMS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    changes = [_DEFAULTS, _FIT, *CODENAMES]
    changes += [label(setting, value) for setting, values in CHANGES.items() for value in values]
    parser.add_argument("--changes", nargs="+", choices=changes, default=changes, metavar="CHANGE")
    given = parser.parse_args(arguments)
    if given.worker:
        print(json.dumps(_measure(*json.loads(given.worker[0]))))
        return 0

    runs = _others(given.out, given.names, given.changes)
    with ThreadPoolExecutor(given.jobs) as pool:
        for name in given.names:
            print(name)
            default = None
            rows = [json.dumps((name, change, given.seeds)) for change in given.changes]
            for records in pool.map(lambda row: in_own_process("settings", [row]), rows):
                _print_change(records, default)
                if records[0]["change"] == _DEFAULTS:
                    default = statistics.median(r["negative_elbo"] for r in records)
                runs += records
                write_results(given.out, runs)
    return 0
