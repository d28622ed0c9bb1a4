"""flowjax: a normalising flow, trained on the ELBO with Adam."""

from functools import partial
from typing import Any

# The package is there only where the comparison is run.
# pyright: reportMissingImports=false
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.peers.stochastic_steps import run_steps
from benchmarks.problem import Problem

FLOWS = ("masked_autoregressive_flow", "coupling_flow")


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it.

    Settings: ``flow``, one of ``FLOWS``, with affine transformers and flowjax's own sizes;
    ``learning_rate`` of Adam; ``num_samples`` per step.
    """
    import equinox
    import jax
    import optax
    from flowjax import flows
    from flowjax.distributions import Normal
    from paramax import NonTrainable, unwrap

    settings = problem.settings
    name = settings.get("flow", FLOWS[0])
    if name not in FLOWS:
        raise ValueError(f"flow = {name!r} is none of {', '.join(FLOWS)}.")
    num_samples = settings.get("num_samples", 10)
    coordinates = PriorCoordinates(problem.target)
    base = Normal(jax.numpy.zeros(coordinates.dim))
    # Not inverted: the ELBO needs samples with their density, never the density of other points.
    flow = getattr(flows, name)(jax.random.key(problem.seed), base_dist=base, invert=False)
    params, static = equinox.partition(
        flow, equinox.is_inexact_array, is_leaf=lambda leaf: isinstance(leaf, NonTrainable)
    )
    optimiser = optax.adam(settings.get("learning_rate", 1e-3))

    def loss(params: Any, key: Any) -> Any:
        z, log_q = unwrap(equinox.combine(params, static)).sample_and_log_prob(key, (num_samples,))
        return jax.numpy.mean(log_q - jax.vmap(coordinates.log_density)(z))

    def step(state: Any, key: Any) -> Any:
        params, memory = state
        update, memory = optimiser.update(jax.grad(loss)(params, key), memory)
        return optax.apply_updates(params, update), memory

    @partial(jax.jit, static_argnums=2)
    def sample(params: Any, key: Any, num_draws: int) -> tuple[Any, Any]:
        return unwrap(equinox.combine(params, static)).sample_and_log_prob(key, (num_draws,))

    def draw_of(state: Any) -> Any:
        return coordinates.draws(lambda seed, n: sample(state[0], jax.random.key(seed), n))

    start = (params, optimiser.init(params))
    return {"steps": run_steps(problem, step, start, num_samples, draw_of)}
