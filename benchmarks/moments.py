"""Moments of fitted mixtures beside those of NUTS.

The posteriors are fitted with the published SAMTRON settings. Mean and standard deviation of every
dimension are compared with ``targets.reference_summary``, in standard deviations of the posterior
and in Monte-Carlo standard errors. A mixture of finitely many Gaussians that minimises the reverse
KL has moments of its own, so the second grows without bound as the reference gets better: it says
whether 40,000 draws of NUTS can tell the two apart. The mixture's own draws with importance weights
p/q have no such bias, but more noise; their moments are compared as well.
"""

import json
from typing import Any

import jax
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.table import in_own_process, table_parser, write_results

ITERATIONS = {"breast_cancer": 450, "german_credit": 360}
NUM_DRAWS = 100_000  # for the importance weights
STORED_DRAWS = 2000  # in the package; their Monte-Carlo error is what a user of them has


def measure(name: str, seed: int) -> dict[str, Any]:
    """Fits one target with one seed and returns how its moments deviate."""
    target = gmmvi.targets.get(name)
    reference = gmmvi.targets.reference_summary(name)
    config = gmmvi.published_config("SAMTRON", name, num_iterations=ITERATIONS[name], seed=seed)
    gmm = gmmvi.train(config, target).gmm
    covariance = np.asarray(gmm.covariance(), np.float64)
    fitted = {
        "mean": np.asarray(gmm.mean(), np.float64),
        "standard_deviation": np.sqrt(np.diagonal(covariance)),
    }
    samples, log_weights = weighted_draws(gmm, target, jax.random.key(10_000 + seed))
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    figures: dict[str, Any] = {
        "target": name,
        "seed": seed,
        "components": gmm.num_components,
        "negative_elbo": -float(log_weights.mean()),
        "importance_ess": float(1 / np.sum(weights**2)),
    }
    scale = np.asarray(reference["standard_deviation"])
    weighted = weighted_moments(samples, weights)
    for moment, estimate in fitted.items():
        expected = np.asarray(reference[moment])
        error = np.asarray(reference[f"{moment}_standard_error"])
        deviation = np.abs(estimate - expected)
        figures[moment] = {
            "worst_in_standard_deviations": float(np.max(deviation / scale)),
            "rms_in_standard_deviations": float(np.sqrt(np.mean((deviation / scale) ** 2))),
            "worst_in_nuts_errors": float(np.max(deviation / error)),
            "median_in_nuts_errors": float(np.median(deviation / error)),
            "signed_mean_in_standard_deviations": float(np.mean((estimate - expected) / scale)),
        }
        value, own_error = weighted[moment]
        z = np.abs(value - expected) / np.hypot(error, own_error)
        figures[f"weighted_{moment}"] = {
            "worst_in_joint_errors": float(np.max(z)),
            "rms_in_joint_errors": float(np.sqrt(np.mean(z**2))),
            "worst_error_in_standard_deviations": float(np.max(own_error / scale)),
        }
    return figures


def weighted_draws(gmm: Any, target: Any, key: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns draws [N, D] of the mixture and the logs [N] of p/q there."""
    samples = gmm.sample(key, NUM_DRAWS)
    evaluate = jax.jit(lambda target, x: jax.lax.map(target, x, batch_size=5000))
    log_weights = np.asarray(evaluate(target, samples)) - np.asarray(gmm.log_prob(samples))
    return np.asarray(samples, np.float64), log_weights.astype(np.float64)


def weighted_moments(
    samples: np.ndarray, weights: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns self-normalised means and standard deviations [D], each with standard errors [D].

    The error of sum_n w_n f_n is the root of sum_n w_n^2 (f_n - mean)^2 (the delta method; Owen,
    "Monte Carlo theory, methods and examples", 2013, chapter 9).
    """
    mean = weights @ samples
    squares = (samples - mean) ** 2
    variance = weights @ squares
    deviation = np.sqrt(variance)
    mean_error = np.sqrt(weights**2 @ squares)
    variance_error = np.sqrt(weights**2 @ (squares - variance) ** 2)
    return {
        "mean": (mean, mean_error),
        "standard_deviation": (deviation, variance_error / (2 * deviation)),
    }


def describe(runs: list[dict[str, Any]]) -> str:
    """Returns a few lines about one target: medians over the seeds."""

    def middle(group: str, name: str) -> float:
        return float(np.median([run[group][name] for run in runs]))

    lines = [
        f"{runs[0]['target']}: -ELBO {np.median([run['negative_elbo'] for run in runs]):.3f}, "
        f"effective share of importance-weighted draws "
        f"{np.median([run['importance_ess'] for run in runs]) / NUM_DRAWS:.2f}"
    ]
    stored_error = {"mean": STORED_DRAWS**-0.5, "standard_deviation": (2 * STORED_DRAWS) ** -0.5}
    for moment, error in stored_error.items():
        worst = middle(moment, "worst_in_standard_deviations")
        lines.append(
            f"  {moment}: worst {worst:.4f} standard deviations (rms "
            f"{middle(moment, 'rms_in_standard_deviations'):.4f}; 2,000 draws err by {error:.4f}); "
            f"worst {middle(moment, 'worst_in_nuts_errors'):.1f} standard errors of NUTS, median "
            f"{middle(moment, 'median_in_nuts_errors'):.1f}"
        )
        weighted = f"weighted_{moment}"
        lines.append(
            f"    importance-weighted: worst {middle(weighted, 'worst_in_joint_errors'):.1f} joint "
            f"standard errors, rms {middle(weighted, 'rms_in_joint_errors'):.2f}"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Runs the comparison."""
    parser = table_parser("moments", __doc__, list(ITERATIONS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args(arguments)
    if given.worker:
        name, seed = given.worker
        print(json.dumps(measure(name, int(seed))))
        return
    results = []
    for name in given.names:
        runs = [in_own_process("moments", [name, str(seed)]) for seed in given.seeds]
        results.extend(runs)
        print(describe(runs), flush=True)
    write_results(given.out, results)
