"""Mixtures whose number of components is fixed, by reparameterised gradients and Adam.

Source of both objectives: Morningstar, Vikram, Ham, Gallagher, Dillon, "Automatic differentiation
variational inference with mixture models", AISTATS 2021.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.baselines.mixture_parameters import (
    MixtureParameters,
    draw_each,
    draws_of,
    initial_parameters,
    log_density,
)
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.peers.stochastic_steps import run_steps
from benchmarks.problem import Problem


def log_ratios(parameters: MixtureParameters, target: Any, key: Any, num_samples: int) -> Any:
    """Returns log p~ - log q at n draws of each component, [K, n]."""
    points = draw_each(parameters, key, num_samples)
    value = jax.vmap(jax.vmap(lambda point: target(point) - log_density(parameters, point)))
    return value(points)


def stratified_elbo(parameters: MixtureParameters, target: Any, key: Any, num_samples: int) -> Any:
    """Returns sum_k w_k E_k[log p~ - log q]: the ELBO, without drawing a component's index."""
    ratios = log_ratios(parameters, target, key, num_samples)
    return jnp.sum(jax.nn.softmax(parameters.logits) * jnp.mean(ratios, axis=1))


def siwae(parameters: MixtureParameters, target: Any, key: Any, num_samples: int) -> Any:
    """Returns E log (1/n) sum_t sum_k w_k p~/q at the t-th draw of each component.

    A bound on log Z no worse than the ELBO, which lets components part: one that misses mass costs
    only what the best of the draws lacks.
    """
    ratios = log_ratios(parameters, target, key, num_samples)
    log_weights = jax.nn.log_softmax(parameters.logits)[:, None]
    return jax.nn.logsumexp(log_weights + ratios) - jnp.log(num_samples)


OBJECTIVES = {"elbo": stratified_elbo, "siwae": siwae}


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it.

    Settings: ``objective``, "elbo" or "siwae"; ``num_components``; ``diagonal``;
    ``learning_rate`` of Adam; ``num_samples`` of each component per step.
    """
    settings = problem.settings
    objective = settings.get("objective", "elbo")
    if objective not in OBJECTIVES:
        raise ValueError(f"objective = {objective!r} is none of {', '.join(OBJECTIVES)}.")
    num_components = settings.get("num_components", 10)
    num_samples = settings.get("num_samples", 10)
    coordinates = PriorCoordinates(problem.target)
    optimiser = optax.adam(settings.get("learning_rate", 1e-2))

    def loss(parameters: MixtureParameters, key: Any) -> Any:
        return -OBJECTIVES[objective](parameters, coordinates.log_density, key, num_samples)

    def step(state: Any, key: Any) -> Any:
        parameters, memory = state
        update, memory = optimiser.update(jax.grad(loss)(parameters, key), memory)
        return optax.apply_updates(parameters, update), memory

    parameters = initial_parameters(
        jax.random.key(problem.seed),
        num_components,
        coordinates.dim,
        settings.get("diagonal", False),
    )
    steps = run_steps(
        problem,
        step,
        (parameters, optimiser.init(parameters)),
        num_components * num_samples,
        lambda state: draws_of(coordinates, state[0]),
    )
    return {"steps": steps, "components": num_components}
