"""BlackJAX: NUTS, four chains with a warm-up of their own. Draws without a density: no ELBO."""

from typing import Any

import numpy as np

from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.problem import Draw, Problem


def resampled(draws: np.ndarray) -> Draw:
    """Returns the draw function that picks from draws with equal weights."""

    def draw(seed: int, num_draws: int) -> tuple[np.ndarray, None]:
        picks = np.random.default_rng(seed).integers(len(draws), size=num_draws)
        return np.asarray(draws, np.float64)[picks], None

    return draw


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it; the evaluations are the integrator's steps, those of the warm-up included.

    Settings: ``num_chains``, ``num_warmup``, ``draws_per_chunk``.
    """
    import jax

    from benchmarks.peers.nuts_chains import NutsChains

    settings = problem.settings
    num_chains = settings.get("num_chains", 4)
    coordinates = PriorCoordinates(problem.target)
    chains = NutsChains(
        coordinates.log_density,
        settings.get("num_warmup", 300),
        settings.get("draws_per_chunk", 100),
    )
    key_start, key_warmup, key_draws = jax.random.split(jax.random.key(problem.seed), 3)
    starts = jax.random.normal(key_start, (num_chains, coordinates.dim))
    state, parameters, evaluations = chains.warm_up(
        jax.random.split(key_warmup, num_chains), starts
    )
    warmup_evaluations = evaluations
    more = chains.compiled_draws()
    collected: list[np.ndarray] = []
    over = False
    while not over:
        keys = jax.random.split(jax.random.fold_in(key_draws, len(collected)), num_chains)
        state, positions, steps = more(keys, state, parameters)
        evaluations += int(steps.sum())
        collected.append(np.asarray(positions).reshape(-1, coordinates.dim))
        draws = coordinates.mean + coordinates.scale * np.concatenate(collected)
        over = problem.take(len(draws), evaluations, resampled(draws))
    return {"draws": sum(map(len, collected)), "warmup_evaluations": warmup_evaluations}
