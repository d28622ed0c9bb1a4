"""Models written in NumPyro: ``fit(from_model(model, *data))`` beside NUTS and a Gaussian guide.

Means and standard deviations of every number of every site, in standard deviations of NUTS: those
of draws of the mixture, and those of 20,000 draws weighted by p/q. "z" is the worst difference of
a mean, weighted, in joint standard errors; among M numbers one of 2 to 3 is expected. NUTS: four
chains, 1,000 iterations of warm-up and 2,500 each, started from medians of the prior; the guide:
AutoMultivariateNormal, 5,000 steps of Adam (0.01), 10 particles. Where NUTS does not mix, which its
R-hat says, only the modes tell.
"""

import json
import time
import warnings
from typing import Any

import jax
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.models.models import MODELS, Model
from benchmarks.table import in_own_process, table_parser, write_results

_NUM_DRAWS = 20_000
_CHAINS, _WARMUP, _KEPT = 4, 1_000, 2_500
_LEARNING_RATE, _STEPS, _PARTICLES = 0.01, 5_000, 10
_Moments = tuple[np.ndarray, np.ndarray]


def _flat(draws: dict[str, Any], sites: list[str]) -> np.ndarray:
    """Returns [N, M] all numbers of the sites."""
    columns = [np.asarray(draws[site], float) for site in sites]
    return np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1)


def _run_nuts(model: Model, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
    from numpyro.infer import MCMC, NUTS, init_to_median

    began = time.perf_counter()
    mcmc = MCMC(
        NUTS(model.function, init_strategy=init_to_median),
        num_warmup=_WARMUP,
        num_samples=_KEPT,
        num_chains=_CHAINS,
        chain_method="sequential",
        progress_bar=False,
    )
    mcmc.run(jax.random.key(seed), *model.arguments, extra_fields=("num_steps",))
    seconds = time.perf_counter() - began
    sites = gmmvi.interop.numpyro.from_model(model.function, *model.arguments).position
    draws = _flat(mcmc.get_samples(), sorted(sites))
    chains = draws.reshape(_CHAINS, _KEPT, -1)
    varies = draws.std(0) > 1e-6  # not the constant entries of a Cholesky factor
    steps = int(np.sum(mcmc.get_extra_fields()["num_steps"]))
    return draws, {
        "nuts_seconds": seconds,
        "nuts_evaluations": round(steps * (_WARMUP + _KEPT) / _KEPT),  # warm-up like the rest
        "nuts_effective": float(np.min(effective_sample_size(chains)[varies])),
        "nuts_r_hat": float(np.max(split_gelman_rubin(chains)[varies])),
    }


def _guide_draws(model: Model, seed: int) -> tuple[np.ndarray, float]:
    import numpyro
    from numpyro.infer import SVI, Trace_ELBO
    from numpyro.infer.autoguide import AutoMultivariateNormal

    began = time.perf_counter()
    guide = AutoMultivariateNormal(model.function)
    objective = Trace_ELBO(num_particles=_PARTICLES)
    svi = SVI(model.function, guide, numpyro.optim.Adam(_LEARNING_RATE), objective)
    run = svi.run(jax.random.key(seed), _STEPS, *model.arguments, progress_bar=False)
    draws = guide.sample_posterior(
        jax.random.key(1), run.params, *model.arguments, sample_shape=(_NUM_DRAWS,)
    )
    sites = gmmvi.interop.numpyro.from_model(model.function, *model.arguments).position
    return _flat(draws, sorted(sites)), time.perf_counter() - began


def _off(own: _Moments, right: _Moments) -> tuple[float, float]:
    """Returns the worst error of a mean, in standard deviations, and of one of these, relative."""
    varies = right[1] > 1e-6
    means = np.abs(own[0] - right[0])[varies] / right[1][varies]
    scales = np.abs(own[1][varies] / right[1][varies] - 1.0)
    return float(means.max()), float(scales.max())


def _measure(name: str, seed: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    model = MODELS[name]
    density = gmmvi.interop.numpyro.from_model(model.function, *model.arguments)
    sites = sorted(density.position)
    result = gmmvi.fit(density, seed=seed, verbose=False)
    last = {column: values[-1].item() for column, values in result.history.items()}
    weighted = result.weighted_draws(1, _NUM_DRAWS)
    draws = _flat(weighted.position, sites)
    mean = weighted.weights @ draws
    offsets = np.square(draws - mean)
    scale = np.sqrt(weighted.weights @ offsets)
    error = np.sqrt(np.square(weighted.weights) @ offsets)
    nuts, figures = _run_nuts(model, seed)
    right = (nuts.mean(0), nuts.std(0))
    varies = right[1] > 1e-6
    nuts_error = right[1] / np.sqrt(figures["nuts_effective"])
    z = np.abs(mean - right[0])[varies] / np.hypot(error, nuts_error)[varies]
    guide, guide_seconds = _guide_draws(model, seed)
    modes = result.modes()
    own = _off((draws.mean(0), draws.std(0)), right)
    corrected = _off((mean, scale), right)
    by_guide = _off((guide.mean(0), guide.std(0)), right)
    return {
        "model": name,
        "seed": seed,
        "status": str(result.status),
        "dim": result.gmm.dim,
        "numbers": int(varies.sum()),
        "components": result.gmm.num_components,
        "evaluations": last["num_target_evaluations"] + last["num_diagnostic_evaluations"],
        "seconds": last["wall_time"],
        "k_hat": weighted.k_hat,
        "masses": [round(float(mass), 3) for mass in modes.masses[:8]],
        "mean_off": own[0],
        "scale_off": own[1],
        "weighted_mean_off": corrected[0],
        "weighted_scale_off": corrected[1],
        "z": float(z.max()),
        **figures,
        "guide_mean_off": by_guide[0],
        "guide_scale_off": by_guide[1],
        "guide_seconds": guide_seconds,
    }


def _print_run(run: dict[str, Any]) -> None:
    print(
        f"{run['model']:<19}{run['seed']:>3} {run['status']:<10}{run['evaluations']:>8,} "
        f"{run['seconds']:>5.0f} s  mean {run['weighted_mean_off']:.3f} scale "
        f"{run['weighted_scale_off']:.3f} z {run['z']:.1f}  k-hat {run['k_hat']:.2f}  modes "
        f"{len(run['masses'])} | NUTS {run['nuts_evaluations']:,} {run['nuts_seconds']:.0f} s, "
        f"R-hat {run['nuts_r_hat']:.2f} | guide {run['guide_mean_off']:.2f} "
        f"{run['guide_scale_off']:.2f}",
        flush=True,
    )


def main(arguments: list[str]) -> int:
    """Runs the table; prints a line per run."""
    parser = table_parser("models", __doc__, list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    given = parser.parse_args(arguments)
    if given.worker:
        name, seed = json.loads(given.worker[0])
        print(json.dumps(_measure(name, seed)))
        return 0
    runs: list[dict[str, Any]] = []
    for name in given.names:
        for seed in given.seeds:
            run = in_own_process("models", [json.dumps((name, seed))])
            runs.append(run)
            write_results(given.out, runs)
            _print_run(run)
    return 0
