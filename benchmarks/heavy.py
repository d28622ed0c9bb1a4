"""Gaussian beside Student-t components at equal evaluations: heavy tails, and light ones.

``fit`` with nothing else but a budget, and for a row of stm20 at most ten components. Normalised
targets have log Z 0. The measures are from 20,000 draws of the mixture.
"""

import json
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.table import in_own_process, table_parser, write_results

_NUM_DRAWS = 20_000
_FAMILIES: dict[str, dict[str, Any]] = {
    "gaussian": {},
    "student_t": {"components": "student_t"},
    "degrees_2": {"components": "student_t", "degrees": 2.0},
    "cauchy": {"components": "student_t", "degrees": 1.0},
}


def cauchy_product(x: jax.Array) -> jax.Array:
    """Returns the log density of ten independent Cauchy variables, normalised."""
    return -jnp.sum(jnp.log1p(x**2)) - 10 * jnp.log(jnp.pi)


def eight_schools_centred(x: jax.Array) -> jax.Array:
    """Returns the log density of mu, log tau and the eight effects (Rubin, 1981)."""
    effects = jnp.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    errors = jnp.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    mean, log_tau, own = x[0], x[1], x[2:]
    tau = jnp.exp(log_tau)
    prior = -0.5 * (mean / 5.0) ** 2 - jnp.log1p((tau / 5.0) ** 2) + log_tau
    prior += -0.5 * jnp.sum(((own - mean) / tau) ** 2) - 8.0 * log_tau
    return prior - 0.5 * jnp.sum(((effects - own) / errors) ** 2)


def horseshoe(x: jax.Array) -> jax.Array:
    """Returns the log density of a regression on five inputs, of which two matter.

    Horseshoe prior (Carvalho, Polson, Scott, 2010): coefficients beta_j ~ N(0, (tau lambda_j)^2)
    with half-Cauchy lambda_j and tau. Positions are log tau, log lambda and beta: 11 dimensions.
    """
    rng = np.random.default_rng(0)
    inputs = jnp.asarray(rng.normal(size=(40, 5)), x.dtype)
    noise = jnp.asarray(rng.normal(size=40), x.dtype)
    outputs = inputs @ jnp.array([2.0, -1.0, 0.0, 0.0, 0.0], x.dtype) + noise
    log_tau, log_lambdas, slopes = x[0], x[1:6], x[6:]
    logs = x[:6]
    scales = log_tau + log_lambdas
    prior = jnp.sum(logs - jnp.logaddexp(0.0, 2.0 * logs))
    prior += jnp.sum(-0.5 * (slopes * jnp.exp(-scales)) ** 2 - scales)
    return prior - 0.5 * jnp.sum((outputs - inputs @ slopes) ** 2)


_OWN = {"cauchy": (cauchy_product, 10), "schools": (eight_schools_centred, 10)}
_OWN |= {"horseshoe": (horseshoe, 11)}
# Name -> evaluations, target, further settings.
ROWS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "stm20_ten": (150_000, "stm20", {"max_components": 10}),
    "cauchy": (100_000, "cauchy", {}),
    "schools": (50_000, "schools", {}),
    "horseshoe": (100_000, "horseshoe", {}),
    "funnel": (100_000, "funnel", {}),
    "german_credit": (30_000, "german_credit", {}),
    "breast_cancer": (60_000, "breast_cancer", {}),
    "stm20": (200_000, "stm20", {}),
    "stm300": (100_000, "stm300", {"diagonal": True}),
}


def _measure(name: str, family: str, seed: str) -> dict[str, Any]:
    budget, target_name, settings = ROWS[name]
    target: Any = _OWN.get(target_name) or (gmmvi.targets.get(target_name),)
    start = time.perf_counter()
    result = gmmvi.fit(
        *target, budget=budget, seed=int(seed), verbose=False, **settings, **_FAMILIES[family]
    )
    seconds = time.perf_counter() - start
    density: Any = result.target
    diagnosis = gmmvi.evaluation.diagnose(result.gmm, density, 1, num_samples=_NUM_DRAWS)
    return {
        "target": name,
        "family": family,
        "seed": int(seed),
        "status": str(result.status),
        "evaluations": int(result.history["num_target_evaluations"][-1]),
        "components": result.gmm.num_components,
        "elbo": float(diagnosis.elbo.mean),
        "elbo_error": float(diagnosis.elbo.standard_error),
        "log_z": float(diagnosis.log_z.value),
        "k_hat": diagnosis.k_hat,
        "seconds": seconds,
    }


def main(arguments: list[str]) -> int:
    """Measures all rows, seed after seed."""
    parser = table_parser("heavy", __doc__, list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--families", nargs="+", choices=_FAMILIES, default=list(_FAMILIES))
    given = parser.parse_args(arguments)
    if given.worker:
        print(json.dumps(_measure(*given.worker)))
        return 0
    runs = []
    for seed in given.seeds:
        for name in given.names:
            for family in given.families:
                runs.append(in_own_process("heavy", [name, family, str(seed)]))
                write_results(given.out, runs)
                found = runs[-1]
                print(
                    f"{name:<14}{family:<10} seed {seed}: ELBO {found['elbo']:9.3f} +- "
                    f"{found['elbo_error']:.3f}, k-hat {found['k_hat']:5.2f}, K "
                    f"{found['components']:3d}, {found['evaluations']:7,} evaluations, "
                    f"{found['seconds']:.0f} s, {found['status']}",
                    flush=True,
                )
    return 0
