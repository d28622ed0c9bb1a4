"""BlackJAX: a Gaussian with diagonal (meanfield) or full covariance, trained with Adam."""

from typing import Any

import numpy as np

from benchmarks.mixture_draws import mixture_draws
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.peers.stochastic_steps import run_steps
from benchmarks.problem import Draw, Problem


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it.

    Settings: ``full_rank``; ``learning_rate`` of Adam; ``num_samples`` per step.
    """
    import blackjax
    import jax.numpy as jnp
    import optax

    settings = problem.settings
    full_rank = settings.get("full_rank", True)
    num_samples = settings.get("num_samples", 10)
    coordinates = PriorCoordinates(problem.target)
    dim = coordinates.dim
    build: Any = blackjax.fullrank_vi if full_rank else blackjax.meanfield_vi
    algorithm = build(
        coordinates.log_density, optax.adam(settings.get("learning_rate", 1e-2)), num_samples
    )

    def draw_of(state: Any) -> Draw:
        mean = coordinates.mean + coordinates.scale * np.asarray(state.mu)
        if full_rank:  # the logarithms of the diagonal first, then what is below it
            flat = np.asarray(state.chol_params)
            factor = np.zeros((dim, dim))
            factor[np.tril_indices(dim, -1)] = flat[dim:]
            factor += np.diag(np.exp(flat[:dim]))
            factor *= coordinates.scale[:, None]
        else:
            factor = coordinates.scale * np.exp(np.asarray(state.rho))
        return mixture_draws(np.zeros(1), mean[None], factor[None])

    def step(state: Any, key: Any) -> Any:
        return algorithm.step(key, state)[0]

    state = algorithm.init(jnp.zeros(dim))
    return {"steps": run_steps(problem, step, state, num_samples, draw_of)}
