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
    import blackjax
    import jax
    import jax.numpy as jnp
    from blackjax.adaptation.base import get_filter_adapt_info_fn

    settings = problem.settings
    num_chains = settings.get("num_chains", 4)
    coordinates = PriorCoordinates(problem.target)

    def warm_up(key: Any) -> tuple[Any, Any, Any]:
        start = jax.random.normal(key, (coordinates.dim,))
        count = get_filter_adapt_info_fn(info_keys={"num_integration_steps"})
        adaptation = blackjax.window_adaptation(
            blackjax.nuts, coordinates.log_density, adaptation_info_fn=count
        )
        run: Any = adaptation.run  # its declared type lacks the number of steps
        (state, parameters), info = run(key, start, settings.get("num_warmup", 300))
        return state, parameters, jnp.sum(info.info.num_integration_steps)

    def draw_more(key: Any, state: Any, parameters: Any) -> tuple[Any, Any, Any]:
        kernel: Any = blackjax.nuts(coordinates.log_density, **parameters)

        def transition(state: Any, key: Any) -> tuple[Any, Any]:
            state, info = kernel.step(key, state)
            return state, (state.position, info.num_integration_steps)

        keys = jax.random.split(key, settings.get("draws_per_chunk", 100))
        state, (positions, steps) = jax.lax.scan(transition, state, keys)
        return state, positions, jnp.sum(steps)

    key_warmup, key_draws = jax.random.split(jax.random.key(problem.seed))
    state, parameters, steps = jax.jit(jax.vmap(warm_up))(jax.random.split(key_warmup, num_chains))
    warmup_evaluations = evaluations = int(steps.sum())
    more = jax.jit(jax.vmap(draw_more))
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
