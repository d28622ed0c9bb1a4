"""Low-rank, diagonal and full Gaussians in 500 to 1,960 dimensions: ELBO over evaluations.

One component from the same start (0, as wide as in ``densities``), SAMTRON with a fixed number of
components, no reuse; and NumPyro's AutoLowRankMultivariateNormal where NumPyro is installed, by
Adam with 10 particles and the better of two rates. Seconds are those of steps, without compilation
and without the draws for the ELBO.
"""

import json
from typing import Any

import gmmvi_jax as gmmvi
from benchmarks.low_rank.densities import DENSITIES
from benchmarks.low_rank.guides import trace_of_guide
from benchmarks.table import in_own_process, table_parser, write_results

METHODS: dict[str, dict[str, Any]] = {
    "diagonal": {"diagonal": True},
    "rank_5": {"rank": 5},
    "rank_20": {"rank": 20},
    "rank_50": {"rank": 50},
    "full": {},
    "guide_rank_20": {"rank": 20},
}
_ITERATIONS = {"digits_1960": 300}
_STEPS = {"digits_1960": 4_000}  # of Adam; 20,000 elsewhere
_LARGEST_FULL = 1_024
_RATES = (1e-2, 1e-3)


def _fit(name: str, method: str, seed: int) -> list[dict[str, float]]:
    dim, scale, make = DENSITIES[name]
    config = gmmvi.from_codename(
        "SEMTRON",
        dim,
        num_initial_components=1,
        prior_scale=scale,
        num_iterations=_ITERATIONS.get(name, 400),
        log_every=20,
        seed=seed,
        average_iterates=False,
        **METHODS[method],
    )
    history = gmmvi.train(config, make()).history
    columns = (history["num_target_evaluations"], history["wall_time"], history["elbo"])
    # The first chunk's time has the compilation in it.
    return [
        {"evaluations": int(spent), "seconds": float(time - history["wall_time"][0]), "elbo": elbo}
        for spent, time, elbo in zip(*columns[:2], map(float, columns[2]), strict=True)
    ]


def _measure(name: str, method: str, seed: str) -> dict[str, Any]:
    if not method.startswith("guide"):
        trace = _fit(name, method, int(seed))
        return {"density": name, "method": method, "seed": int(seed), "trace": trace}
    settings = METHODS[method] | {"seed": int(seed), "steps": _STEPS.get(name, 20_000)}
    traces = {
        rate: trace_of_guide(name, "AutoLowRankMultivariateNormal", settings | {"rate": rate})
        for rate in _RATES
    }
    best = max(traces, key=lambda rate: traces[rate][-1]["elbo"])
    return {
        "density": name,
        "method": method,
        "seed": int(seed),
        "rate": best,
        "trace": traces[best],
    }


def main(arguments: list[str]) -> int:
    """Measures all densities, method after method."""
    parser = table_parser("low_rank", __doc__, list(DENSITIES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    given = parser.parse_args(arguments)
    if given.worker:
        print(json.dumps(_measure(*given.worker)))
        return 0
    runs = json.loads(given.out.read_text())["runs"] if given.out.exists() else []
    for name in given.names:
        for method in given.methods:
            if method == "full" and DENSITIES[name][0] > _LARGEST_FULL:
                continue
            for seed in given.seeds:
                found = in_own_process("low_rank", [name, method, str(seed)])
                key = (name, method, seed)
                runs = [one for one in runs if (one["density"], one["method"], one["seed"]) != key]
                runs.append(found)
                write_results(given.out, runs)
                last = found["trace"][-1]
                print(
                    f"{name:<14} {method:<14} seed {seed}: ELBO {last['elbo']:10.3f} after "
                    f"{last['evaluations']:8,} evaluations, {last['seconds']:.0f} s",
                    flush=True,
                )
    return 0
