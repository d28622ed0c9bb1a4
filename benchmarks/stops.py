"""When ``Convergence`` ends a run: false stops and late ones, on histories made up and in ``fit``.

The ELBO of a history that is made up is known without noise. Its rows are noisy as those of ``fit``
are: by the draws' standard error, and by half as much where the iterates move, which is correlated
between rows. The first row has N evaluations, the next ones N (1 + r), N (1 + 2 r) and so on with r
between 0.25 and 1, and there are 200 of them, the most that ``fit`` takes. ``elbo_gap`` is 1, so
that only the rise of the ELBO decides.

 - ``flat``: the ELBO approaches its limit. How late the run ends, relative to the evaluations from
   which twice as many would gain less than the tolerance.
 - ``rising``: it goes on rising by one, two or four tolerances per doubling. How many runs end.
 - ``pause``: it is flat for some doublings before it jumps by 0.1 to 0.7. How many end before.
 - ``fits``: runs of ``fit`` that have ended go on to twice the evaluations. What these gain.
"""

import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.table import in_own_process, table_parser, write_results

TOLERANCE = 0.05
NOISES = (0.01, 0.03, 0.1, 0.2, 0.3)  # standard errors of a row's ELBO
RISES = (1.0, 2.0, 4.0)  # tolerances per doubling of the evaluations
PAUSES = (0.5, 1.0, 1.5, 2.0, 3.0)  # doublings of the evaluations
FITS = ("banana", "seeds")
_ROWS = 200
_RUNS = 200
_PAUSED_RUNS = 50
_MOVEMENT = 0.5  # of the standard error
_CORRELATION = 0.7  # of the movement, between rows
_ERROR_SPREAD = 0.15  # of the estimates of the standard error, relative
_NUM_DRAWS = 100_000

Curve = Callable[[np.ndarray], np.ndarray]  # evaluations, relative to the first row, to ELBOs


class _History(NamedTuple):
    evaluations: np.ndarray  # relative to those of the first row
    rows: list[dict[str, Any]]


def _history(curve: Curve, noise: float, generator: np.random.Generator) -> _History:
    """Returns a noisy history of an ELBO."""
    evaluations = 1.0 + np.exp(generator.uniform(np.log(0.25), 0.0)) * np.arange(_ROWS)
    movement = generator.normal(size=_ROWS)
    for row in range(1, _ROWS):
        fresh = np.sqrt(1.0 - _CORRELATION**2) * movement[row]
        movement[row] = _CORRELATION * movement[row - 1] + fresh
    noises = noise * (generator.normal(size=_ROWS) + _MOVEMENT * movement)
    columns = {
        "num_target_evaluations": 1000.0 * evaluations,
        "elbo": -20.0 + curve(evaluations) + noises,
        "elbo_stderr": noise * np.exp(_ERROR_SPREAD * generator.normal(size=_ROWS)),
        "elbo_gap": np.ones(_ROWS),
        "num_added": np.ones(_ROWS, int),
    }
    values = zip(*columns.values(), strict=True)
    return _History(evaluations, [dict(zip(columns, row, strict=True)) for row in values])


def _approach(generator: np.random.Generator) -> Curve:
    """Returns a curve that ends 1 to 20 nats above its first value, the rest falls as 1 / n^2."""
    height = np.exp(generator.uniform(0.0, np.log(20.0)))
    return lambda n: -height * n**-2.0


def _stop(history: _History) -> float:
    """Returns the evaluations at which the rule ends the run, infinity if it does not."""
    rule = gmmvi.Convergence(TOLERANCE)
    ends = (at for at in range(_ROWS) if rule(history.rows[: at + 1]) is not None)
    at = next(ends, None)
    return np.inf if at is None else float(history.evaluations[at])


def _flat(noise: float) -> Iterator[dict[str, Any]]:
    generator = np.random.default_rng(1)
    lateness = []
    for _ in range(_RUNS):
        curve = _approach(generator)
        history = _history(curve, noise, generator)
        gains = curve(2.0 * history.evaluations) - curve(history.evaluations)
        converged = history.evaluations[np.argmax(gains < TOLERANCE)]
        lateness.append(_stop(history) / converged)
    yield {
        "noise": noise,
        "runs": _RUNS,
        "stopped_before": float(np.mean(np.array(lateness) < 1.0)),
        "not_ended": float(np.mean(np.isinf(lateness))),
        "lateness_median": float(np.quantile(lateness, 0.5, method="higher")),
        "lateness_90": float(np.quantile(lateness, 0.9, method="higher")),
    }


def _rising(noise: float) -> Iterator[dict[str, Any]]:
    for rise in RISES:
        generator = np.random.default_rng(2)
        stops = []
        for _ in range(_RUNS):
            start = _approach(generator)

            def curve(n: np.ndarray, start: Curve = start, rise: float = rise) -> np.ndarray:
                return start(n) + rise * TOLERANCE * np.log2(n)

            stops.append(_stop(_history(curve, noise, generator)))
        share = float(np.mean(np.isfinite(stops)))
        yield {"noise": noise, "rise": rise, "runs": _RUNS, "stopped": share}


def _pause(noise: float) -> Iterator[dict[str, Any]]:
    for pause in PAUSES:
        generator = np.random.default_rng(3)
        stopped = []
        for _ in range(_PAUSED_RUNS):
            height = np.exp(generator.uniform(0.0, np.log(20.0)))
            jump = generator.uniform(0.1, 0.7)
            begin = (height * 0.75 / TOLERANCE) ** 0.5  # it has converged, but for the jump
            end = begin * 2.0**pause

            def curve(
                n: np.ndarray, height: float = height, jump: float = jump, end: float = end
            ) -> np.ndarray:
                return -height * n**-2.0 + jump * (n > end)

            stopped.append(_stop(_history(curve, noise, generator)) <= end)
        share = float(np.mean(stopped))
        yield {"noise": noise, "pause": pause, "runs": _PAUSED_RUNS, "stopped": share}


def _fit(name: str, seed: int) -> dict[str, Any]:
    """Fits a target, goes on to twice the evaluations, and compares the ELBOs."""
    warnings.simplefilter("ignore")
    target = gmmvi.targets.get(name, seed)
    result = gmmvi.fit(target, seed=seed, tolerance=TOLERANCE, verbose=False)
    spent, diagnostic = (
        int(result.history[f"num_{kind}_evaluations"][-1]) for kind in ("target", "diagnostic")
    )
    twice = gmmvi.EvaluationBudget(2 * (spent + diagnostic))
    longer = gmmvi.train(result.config, target, initial=result, until=twice)
    short, long = (
        gmmvi.evaluation.elbo(one.gmm, target, 1, _NUM_DRAWS) for one in (result, longer)
    )
    return {
        "target": name,
        "seed": seed,
        "status": str(result.status),
        "reason": result.ending.reason,
        "evaluations": spent,
        "evaluations_later": int(longer.history["num_target_evaluations"][-1]),
        "elbo": float(short.mean),
        "gain": float(long.mean - short.mean),
        "standard_error": float(np.hypot(short.standard_error, long.standard_error)),
    }


def _line(row: dict[str, Any]) -> str:
    hidden = ("kind", "reason")
    named = {name: value for name, value in row.items() if name not in hidden}
    return f"{row['kind']:<8}" + "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in named.items()
    )


def main(arguments: list[str]) -> int:
    """Runs the counts and the fits; prints a line for each."""
    counts = {"flat": _flat, "rising": _rising, "pause": _pause}
    parser = table_parser("stops", __doc__, [*counts, "fits"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], help="of the fits")
    given = parser.parse_args(arguments)
    if given.worker:
        name, seed = given.worker
        print(json.dumps(_fit(name, int(seed))))
        return 0

    def rows() -> Iterator[dict[str, Any]]:
        for kind in given.names:
            if kind == "fits":
                for name in FITS:
                    for seed in given.seeds:
                        yield {"kind": kind} | in_own_process("stops", [name, str(seed)])
            else:
                for noise in NOISES:
                    yield from ({"kind": kind} | row for row in counts[kind](noise))

    results: list[dict[str, Any]] = []
    for row in rows():
        print(_line(row), flush=True)
        results.append(row)
        write_results(given.out, results)
    return 0
