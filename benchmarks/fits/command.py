"""``gmmvi_jax.fit`` without settings: evaluations, ELBO, coverage and seconds of a run.

The targets of the study get the published prior's mean and scale, others bring theirs. The ELBO is
that of fresh draws, 40,000 or where these are dear 2,000; evaluations are those of the search and
of training, and apart from them the diagnostic ones. Coverage: the modes that have a thousandth of
the draws, where modes are known; the MMD of 2,000 draws to as many exact or reference samples,
where there are any. Rows that end in ``_values`` never compute a gradient. Every run has a process
of its own; with ``--jobs 2`` two at a time, and then seconds say little.
"""

import dataclasses
import json
import statistics
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax

import gmmvi_jax as gmmvi
from benchmarks.fits.rows import ROWS
from benchmarks.metrics import Metrics
from benchmarks.mixture_draws import mixture_draws
from benchmarks.table import in_own_process, table_parser, write_results

_DRAWS_TO_JUDGE = 2_000


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Values:
    """A target that cannot be differentiated, as ``fit`` sees it.

    Attributes:
        target: whose values they are.
    """

    target: Any

    has_gradient = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns the log density (scalar) at ``x`` [D]."""
        return jax.lax.stop_gradient(self.target(x))

    @property
    def dim(self) -> int:
        """D."""
        return self.target.dim


def _prior(name: str) -> dict[str, Any]:
    """Returns mean and scale of the published prior, nothing where the target brings its own."""
    try:
        start = gmmvi.published_config("SAMTRON", name).algorithm.initial_mixture
    except ValueError:
        return {}
    return {"prior_mean": start.prior_mean, "prior_scale": start.prior_scale}


def _coverage(target: Any, gmm: gmmvi.GMM, seed: int) -> dict[str, Any]:
    """Returns modes found and MMD, as far as the target knows what is right."""
    draw = mixture_draws(gmm.log_weights, gmm.means, gmm.factors)
    figures = Metrics(target, seed).coverage(draw)
    return {name: figures.get(name) for name in ("modes", "num_modes", "mmd")}


def _measure(name: str, budget: int | None, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    row = ROWS[name]
    target: Any = gmmvi.targets.get(row.target, seed)
    if row.dim is not None:
        target = dataclasses.replace(target, dim=row.dim)
    result = gmmvi.fit(
        target if row.has_gradient else Values(target),
        seed=seed,
        budget=budget,
        seconds=row.seconds,
        verbose=False,
        **_prior(row.target),
    )
    last = {column: values[-1].item() for column, values in result.history.items()}
    found = gmmvi.evaluation.elbo(result.gmm, target, 1, row.num_draws)
    draws = result.gmm.sample(2, _DRAWS_TO_JUDGE)
    return {
        "target": name,
        "budget": budget,
        "seed": seed,
        "status": str(result.status),
        "iterations": last["iteration"],
        "components": result.gmm.num_components,
        "evaluations": last["num_target_evaluations"],
        "diagnostic_evaluations": last["num_diagnostic_evaluations"],
        "negative_elbo": -float(found.mean),
        "standard_error": float(found.standard_error),
        **_coverage(target, result.gmm, seed),
        **({} if row.judge is None else row.judge(target, result.gmm, draws)),
        "seconds": last["wall_time"],
    }


def _print_run(run: dict[str, Any]) -> None:
    modes = "" if run["modes"] is None else f"  {run['modes']} of {run['num_modes']} modes"
    mmd = "" if run["mmd"] is None else f"  MMD {run['mmd']:.3f}"
    print(
        f"{run['target']:<21}{run['seed']:>4}  {run['status']:<13}{run['evaluations']:>9,}"
        f"{run['components']:>5}  {run['negative_elbo']:.4f} +- {run['standard_error']:.4f}"
        f"{run['seconds']:>8.1f} s{modes}{mmd}",
        flush=True,
    )


def _print_medians(name: str, own: list[dict[str, Any]]) -> None:
    evaluations, elbo, seconds = (
        statistics.median(run[key] for run in own)
        for key in ("evaluations", "negative_elbo", "seconds")
    )
    print(f"{name:<21}median {evaluations:>20,.0f}       {elbo:.4f}{seconds:>18.1f} s", flush=True)


def main(arguments: list[str]) -> int:
    """Runs the table; prints a line per run and the medians of each target."""
    parser = table_parser("fit", __doc__, list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--budgets", nargs="+", type=int, help="instead of those of the table")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    given = parser.parse_args(arguments)
    if given.worker:
        name, budget, seed = json.loads(given.worker[0])
        print(json.dumps(_measure(name, budget, seed)))
        return 0

    def measured(row: tuple[str, int | None, int]) -> dict[str, Any]:
        run = in_own_process("fit", [json.dumps(row)])
        _print_run(run)
        return run

    runs: list[dict[str, Any]] = []
    with ThreadPoolExecutor(given.jobs) as pool:
        for name in given.names:
            for budget in given.budgets or ROWS[name].budgets:
                rows = [(name, budget, seed) for seed in given.seeds]
                own = []
                for run in pool.map(measured, rows):
                    own.append(run)
                    write_results(given.out, [*runs, *own])
                _print_medians(name, own)
                runs += own
    return 0
