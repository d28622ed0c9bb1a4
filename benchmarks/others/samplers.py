"""NUTS and NumPyro's Gaussian guide with the settings that people leave as they are."""

import time
from typing import Any

# The packages are there only where the comparison is run.
# pyright: reportMissingImports=false
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.others.densities import Density
from benchmarks.peers.nuts_chains import NutsChains

NUM_CHAINS = 4
NUM_WARMUP = 1000
DRAWS_PER_CHUNK = 250
MOST_DRAWS = 10_000  # of a chain
MOST_SECONDS = 240.0
EFFECTIVE = 400  # draws, in the worst coordinate

NUM_STEPS = 5000
NUM_PARTICLES = 10
LEARNING_RATE = 0.01
_NUM_DRAWS = 20_000  # for the ELBO


def run_nuts(density: Density, seed: int) -> dict[str, Any]:
    """Runs four chains until they have 400 effective draws, with R-hat below 1.01.

    Warm-up by windows, diagonal mass matrix, acceptance 0.8, starts from standard normal draws.
    Evaluations are the integrator's steps of all chains, those of the warm-up included. The seconds
    include compilation.
    """
    from blackjax.diagnostics import effective_sample_size, rhat

    began = time.perf_counter()
    chains = NutsChains(density.log_density, NUM_WARMUP, DRAWS_PER_CHUNK)
    key_start, key_warmup, key_draws = jax.random.split(jax.random.key(seed), 3)
    starts = jax.random.normal(key_start, (NUM_CHAINS, density.dim))
    state, parameters, evaluations = chains.warm_up(
        jax.random.split(key_warmup, NUM_CHAINS), starts
    )
    warmup_evaluations = evaluations
    more = chains.compiled_draws()
    chunks: list[np.ndarray] = []
    effective, convergence = 0.0, np.inf
    while len(chunks) * DRAWS_PER_CHUNK < MOST_DRAWS:
        keys = jax.random.split(jax.random.fold_in(key_draws, len(chunks)), NUM_CHAINS)
        state, positions, steps = more(keys, state, parameters)
        evaluations += int(steps.sum())
        chunks.append(np.asarray(positions))
        draws = np.concatenate(chunks, axis=1)
        effective = float(np.min(effective_sample_size(draws)))
        convergence = float(np.max(rhat(draws)))
        if effective >= EFFECTIVE and convergence < 1.01:
            break
        if time.perf_counter() - began > MOST_SECONDS:
            break
    return {
        "evaluations": evaluations,
        "warmup_evaluations": warmup_evaluations,
        "draws": NUM_CHAINS * DRAWS_PER_CHUNK * len(chunks),
        "effective": effective,
        "worst_r_hat": convergence,
        "reached": bool(effective >= EFFECTIVE and convergence < 1.01),
        "seconds": time.perf_counter() - began,
    }


def run_guide(density: Density, seed: int) -> dict[str, Any]:
    """Fits AutoMultivariateNormal by 5,000 steps of Adam with 10 particles; 50,000 evaluations.

    The seconds include compilation.
    """
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import SVI, Trace_ELBO
    from numpyro.infer.autoguide import AutoMultivariateNormal

    began = time.perf_counter()

    def model() -> None:
        flat = dist.ImproperUniform(dist.constraints.real_vector, (), (density.dim,))
        x = numpyro.sample("x", flat)
        numpyro.factor("target", density.log_density(jnp.asarray(x)))

    guide = AutoMultivariateNormal(model)
    objective = Trace_ELBO(num_particles=NUM_PARTICLES)
    svi = SVI(model, guide, numpyro.optim.Adam(LEARNING_RATE), objective)
    key_fit, key_draws = jax.random.split(jax.random.key(seed))
    params = svi.run(key_fit, NUM_STEPS, progress_bar=False).params
    posterior = guide.get_posterior(params)
    seconds = time.perf_counter() - began
    draws = posterior.sample(key_draws, (_NUM_DRAWS,))
    values = jax.lax.map(density.log_density, draws, batch_size=1000)
    ratios = np.asarray(values - posterior.log_prob(draws), np.float64)
    return {
        "evaluations": NUM_STEPS * NUM_PARTICLES,
        "elbo": float(np.mean(ratios)),
        "standard_error": float(np.std(ratios) / np.sqrt(_NUM_DRAWS)),
        "seconds": seconds,
    }
