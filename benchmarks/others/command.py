"""``fit`` with nothing but a density and its dimensions, beside NUTS and one Gaussian by NumPyro.

Every density is fitted once per seed and has to end by itself with the right log Z (within three of
its standard errors, and 0.05 nats) or with a concern that names what it lacks. log Z is that of
``result.diagnose()``. NUTS runs until it has 400 effective draws of the worst coordinate.
Evaluations do not depend on the machine's load; seconds do, and include compilation.
"""

import json
import math
import os
import re
import time
import warnings
from typing import Any

import gmmvi_jax as gmmvi
from benchmarks.others.densities import DENSITIES
from benchmarks.table import in_own_process, table_parser, write_results

WAYS = ("right", "fit", "nuts", "guide")
_ERRORS, _NATS = 3.0, 0.05


def _fit(name: str, seed: int) -> dict[str, Any]:
    density = DENSITIES[name]
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = gmmvi.fit(density.log_density, density.dim, seed=seed, verbose=False)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        seconds = time.perf_counter() - began
        diagnosis = result.diagnose()
    kinds = ("target", "diagnostic")
    return {
        "status": str(result.status),
        "reason": result.ending.reason,
        "evaluations": sum(int(result.history[f"num_{kind}_evaluations"][-1]) for kind in kinds),
        "components": result.gmm.num_components,
        "elbo": float(diagnosis.elbo.mean),
        "log_z": float(diagnosis.log_z.value),
        "log_z_error": float(diagnosis.log_z.standard_error),
        "effective_fraction": float(diagnosis.log_z.effective_fraction),
        "k_hat": diagnosis.k_hat,
        "verdict": diagnosis.verdict,
        "concerns": [
            ("serious: " if concern.is_serious else "") + concern.text
            for concern in diagnosis.concerns
        ],
        "warnings": [str(one.message) for one in caught],
        "seconds": seconds,
    }


def _measure(name: str, way: str, seed: int) -> dict[str, Any]:
    if way == "right":
        from benchmarks.others.right import right

        return right(name)._asdict()
    if way == "fit":
        return _fit(name, seed)
    from benchmarks.others import samplers

    run = samplers.run_nuts if way == "nuts" else samplers.run_guide
    return run(DENSITIES[name], seed)


def judge(fit: dict[str, Any], right: dict[str, Any]) -> str:
    """Returns what came of a fit in a few words."""
    if "error" in fit:
        return "refused"
    distrusted = fit["verdict"].startswith("do not trust")
    named = any(re.search("lacks|misses|passes over", text) for text in fit["concerns"])
    deviation = abs(fit["log_z"] - right["log_z"])
    limit = min(_ERRORS * math.hypot(fit["log_z_error"], right["error"]) + 1e-4, _NATS)
    is_right = fit["status"] == "converged" and deviation <= limit
    if is_right:
        return "right, but not trusted" if distrusted else "right"
    if any("improper" in text for text in fit["concerns"]):  # none of the densities is
        return "wrong, and gives a wrong cause"
    return "wrong, and says why" if named else "wrong, and does not say why"


def _text(way: str, row: dict[str, Any]) -> str:
    if way == "right":
        return f"log Z {row['log_z']:.4f} +- {row['error']:.4f}, {row['method']}"
    if "error" in row:
        return row["error"]
    cost = f"{row['evaluations']:,} evaluations, {row['seconds']:.1f} s"
    if way == "fit":
        estimate = f"{row['log_z']:.4f} +- {row['log_z_error']:.4f}"
        return (
            f"{row['outcome']}: {row['status']}, log Z {estimate}, ELBO {row['elbo']:.3f}, {cost}"
        )
    if way == "nuts":
        return f"{row['effective']:.0f} effective, R-hat {row['worst_r_hat']:.3f}, {cost}"
    return f"ELBO {row['elbo']:.3f} +- {row['standard_error']:.3f}, {cost}"


def main(arguments: list[str]) -> int:
    """Runs the table; prints a line per measurement."""
    parser = table_parser("others", __doc__, list(DENSITIES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, metavar="WAY")
    given = parser.parse_args(arguments)
    if given.worker:
        name, way, seed = given.worker
        print(json.dumps(_measure(name, way, int(seed))))
        return 0
    results: list[dict[str, Any]] = []
    for name in given.names:
        double = {"JAX_ENABLE_X64": "1"}
        right = in_own_process("others", [name, "right", "0"], os.environ | double)
        for way in [way for way in WAYS if way in given.ways]:
            for seed in given.seeds if way != "right" else [0]:
                row = right
                if way != "right":
                    row = in_own_process("others", [name, way, str(seed)])
                if way == "fit":
                    row = {"outcome": judge(row, right)} | row
                results.append({"density": name, "way": way, "seed": seed} | row)
                print(f"{name:<20}{way:<7}{_text(way, row)}", flush=True)
                write_results(given.out, results)
    return 0
