"""Reference samples of targets with one mode: NUTS."""

import functools
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from blackjax.adaptation.base import get_filter_adapt_info_fn
from blackjax.diagnostics import effective_sample_size, rhat

from gmmvi_jax.typing import Array, PRNGKey

NUM_CHAINS = 4


@functools.partial(jax.jit, static_argnames=("num_warmup", "num_draws", "dense"))
def run_chains(
    target: Any,
    key: PRNGKey,
    num_warmup: int,
    num_draws: int,
    target_acceptance: Any,
    dense: bool,
) -> tuple[Array, Array, Array]:
    """Run the chains, each with a warm-up of its own, from draws of the target's initial normal.

    Args:
      target: a callable pytree.
      key: PRNG key.
      num_warmup: iterations that adapt step size and mass matrix, and are dropped.
      num_draws: iterations that are kept.
      target_acceptance: mean acceptance that the step size is adapted to.
      dense: whether the mass matrix has off-diagonal entries.

    Returns:
      Draws [C, num_draws, D]; per chain the number of divergent transitions [C], and the mean
      number of integration steps per transition [C].
    """

    def run_chain(key: PRNGKey) -> tuple[Array, Array, Array]:
        key_start, key_warmup, key_draws = jax.random.split(key, 3)
        start = jnp.asarray(target.prior_mean) + jnp.asarray(target.prior_scale) * (
            jax.random.normal(key_start, (target.dim,))
        )
        warmup = blackjax.window_adaptation(
            blackjax.nuts,
            target,
            is_mass_matrix_diagonal=not dense,
            target_acceptance_rate=target_acceptance,
            adaptation_info_fn=get_filter_adapt_info_fn(),  # nothing of it is looked at
        )
        run_warmup: Any = warmup.run  # its declared type lacks the number of steps
        (state, parameters), _ = run_warmup(key_warmup, start, num_warmup)
        kernel: Any = blackjax.nuts(target, **parameters)

        def transition(state: Any, key: PRNGKey) -> tuple[Any, Any]:
            state, info = kernel.step(key, state)
            return state, (state.position, info.is_divergent, info.num_integration_steps)

        _, (draws, divergent, steps) = jax.lax.scan(
            transition, state, jax.random.split(key_draws, num_draws)
        )
        return draws, jnp.sum(divergent), jnp.mean(steps)

    return jax.vmap(run_chain)(jax.random.split(key, NUM_CHAINS))


def sample_nuts(
    target: Any,
    seed: int,
    num_warmup: int,
    num_draws: int,
    target_acceptance: float,
    dense: bool,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Sample a target in double precision.

    Returns:
      All draws [C * num_draws, D], chain after chain, and a summary of them. R-hat is the
      rank-normalised split one, the larger of bulk and tail (Vehtari et al., Bayesian Analysis
      2021); "ess" is the effective sample size for the mean.
    """
    with jax.enable_x64(True):
        key = jax.random.key(seed)
        chains, divergent, steps = run_chains(
            target, key, num_warmup, num_draws, jnp.asarray(target_acceptance), dense
        )
        squares = (chains - jnp.mean(chains, axis=(0, 1))) ** 2
        convergence = np.asarray(rhat(chains))
        ess = np.asarray(effective_sample_size(chains))
        ess_squares = np.asarray(effective_sample_size(squares))
        divergent, steps = np.asarray(divergent), np.asarray(steps)
    draws = np.asarray(chains).reshape(-1, target.dim)
    standard_deviation = draws.std(axis=0)
    # A variance has the error of a mean of squares; the root takes half of it, relatively.
    error_variance = np.asarray(squares).reshape(-1, target.dim).std(axis=0) / np.sqrt(ess_squares)
    summary = {
        "method": "NUTS",
        "seed": seed,
        "num_chains": NUM_CHAINS,
        "num_warmup": num_warmup,
        "num_draws_per_chain": num_draws,
        "target_acceptance": target_acceptance,
        "mass_matrix": "dense" if dense else "diagonal",
        "num_divergent": int(np.sum(divergent)),
        "integration_steps_per_draw": float(np.mean(steps)),
        "worst_r_hat": float(convergence.max()),
        "median_r_hat": float(np.median(convergence)),
        "worst_ess": float(min(ess.min(), ess_squares.min())),
        "median_ess": float(np.median(ess)),
        "r_hat": convergence,
        "ess": ess,
        "ess_of_squares": ess_squares,
        "mean": draws.mean(axis=0),
        "mean_standard_error": standard_deviation / np.sqrt(ess),
        "standard_deviation": standard_deviation,
        "standard_deviation_standard_error": error_variance / (2 * standard_deviation),
    }
    return draws, summary
