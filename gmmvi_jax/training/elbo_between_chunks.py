"""The ELBO that ``train`` reports between chunks of steps."""

import math
from collections.abc import Callable

import jax
from jax.sharding import Mesh

from gmmvi_jax.config import Config
from gmmvi_jax.evaluation.elbo import mixture_elbo
from gmmvi_jax.init import typed_key
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.training.compile_ahead import compile_ahead
from gmmvi_jax.training.shared_run import everywhere, here, shapes_everywhere
from gmmvi_jax.typing import LogDensity, PRNGKey

_STREAM = 0x0D1A6  # folded into the run's key, so that diagnostics do not change the run
_MOST_UNUSABLE = 0.1  # share of the draws, above which the others say little

Estimate = Callable[[PaddedMixture, LogDensity, PRNGKey, int], dict[str, float]]


def elbo_between_chunks(
    config: Config,
    log_target: LogDensity,
    mixture: PaddedMixture,
    rng_key: PRNGKey,
    mesh: Mesh | None = None,
) -> Estimate:
    """Returns a function that estimates the ELBO, and starts to compile it on a thread.

    Args:
        config: of the run.
        log_target: a callable pytree; one of the same structure and shapes is estimated.
        mixture: only its shapes are used.
        rng_key: only its shape is used.
        mesh: of devices that share the draws; None: one device.

    Returns:
        A function from mixture, target, the run's key and the iteration to columns of the history:
        ``temperature``, the iteration's beta; ``elbo`` and ``elbo_stderr`` of p^(1/beta); and
        ``elbo_gap``, KL(q || p) to second order, half of the variance of log p~ - log q, NaN where
        too many draws are unusable; and
        ``outside_share``, the share of draws outside of the target's support. Without diagnostic
        samples there is no ELBO, and the others are NaN.
    """
    num_samples, max_chunk_bytes = config.run.diagnostic_samples, config.algorithm.max_chunk_bytes

    def temperature_at(iteration: int) -> float:
        return float(config.algorithm.temperature(iteration))

    def no_estimate(
        mixture: PaddedMixture, log_target: LogDensity, rng_key: PRNGKey, iteration: int
    ) -> dict[str, float]:
        unknown = {"elbo_gap": math.nan, "outside_share": math.nan}
        return {"temperature": temperature_at(iteration), **unknown}

    if not num_samples:
        return no_estimate
    like = jax.eval_shape(typed_key, rng_key)
    settings = (num_samples, max_chunk_bytes)
    shapes = shapes_everywhere((mixture, like), mesh)
    placed = everywhere(log_target, mesh)  # of a mesh there is one run: once for all chunks
    wait = compile_ahead(mixture_elbo.lower(shapes[0], placed, shapes[1], *settings, 1.0, mesh))

    def estimate(
        mixture: PaddedMixture, log_target: LogDensity, rng_key: PRNGKey, iteration: int
    ) -> dict[str, float]:
        wait()
        key = jax.random.fold_in(jax.random.fold_in(typed_key(rng_key), _STREAM), iteration)
        temperature = temperature_at(iteration)
        own, own_key = everywhere((mixture, key), mesh)
        target = log_target if mesh is None else placed
        found = here(mixture_elbo(own, target, own_key, *settings, temperature, mesh), mesh)
        is_known = int(found.num_unusable) < _MOST_UNUSABLE * num_samples
        return {
            "temperature": temperature,
            "elbo": float(found.mean),
            "elbo_stderr": float(found.standard_error),
            "elbo_gap": 0.5 * num_samples * float(found.standard_error) ** 2
            if is_known
            else math.nan,
            "outside_share": int(found.num_outside) / num_samples,
        }

    return estimate
