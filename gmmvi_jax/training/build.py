"""A fit as three pure functions, for custom loops."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Config
from gmmvi_jax.densities.check import check_target
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.init import init as init_state
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.step import step as take_step
from gmmvi_jax.training.arguments import as_target, check_call
from gmmvi_jax.typing import Array, PRNGKey, PyTree
from gmmvi_jax.variants.validation import validate


class VIAlgorithm(NamedTuple):
    """Three pure functions that can be jitted, scanned and vmapped, as in BlackJAX's VI.

    Attributes:
        init: (position) -> state. The position is a vector or a pytree, around which the
            components start; or an initial mixture; or None, for the prior of the config.
        step: (rng_key, state) -> (state, info).
        sample: (rng_key, state, num_samples) -> points [num_samples, D], or the pytree of them.

    A ``rng_key`` is a PRNG key, typed or legacy, or an integer, its seed.
    """

    init: Callable[..., TrainState]
    step: Callable[[PRNGKey | int, TrainState], tuple[TrainState, StepInfo]]
    sample: Callable[[PRNGKey | int, TrainState, int], PyTree]


def build(config: Config, log_density: Callable[..., Array]) -> VIAlgorithm:
    """Returns init, step and sample for a log density.

    Unlike ``train`` they do not log, check, stop or save. Failures are only counted in ``info``.

    Args:
        config: of the algorithm; of the run's settings only the seed is used, by ``init``.
        log_density: see ``train``.

    Raises:
        ValueError, TypeError: a setting or the density is invalid; checked without compiling.

    Example:
        >>> import jax
        >>> import gmmvi_jax as gmmvi
        >>> config = gmmvi.samtron(2, max_components=2, desired_samples=32)
        >>> vi = gmmvi.build(config, lambda x: -0.5 * x @ x)
        >>> state = vi.init()
        >>> keys = jax.random.split(jax.random.key(0), 20)
        >>> state, infos = jax.lax.scan(lambda state, key: vi.step(key, state), state, keys)
        >>> vi.sample(jax.random.key(1), state, 1000).shape
        (1000, 2)
    """
    check_call(config, log_density)
    validate(config)
    target = as_target(log_density, config, "log_density")
    estimator = config.algorithm.natural_gradient
    check_target(target, config.dim, jnp.result_type(float), estimator)
    layout = target.layout if isinstance(target, PytreeTarget) else None

    def init(position: PyTree | Mixture = None) -> TrainState:
        algorithm, initial = config.algorithm, None
        if isinstance(position, Mixture):
            initial = position
        elif position is not None:
            mean = jnp.asarray(position) if layout is None else layout.ravel(position)
            start = dataclasses.replace(algorithm.initial_mixture, prior_mean=mean)
            algorithm = algorithm.replace(initial_mixture=start)
        return init_state(algorithm, config.run.seed, initial)

    def step(rng_key: PRNGKey | int, state: TrainState) -> tuple[TrainState, StepInfo]:
        return take_step(config.algorithm, target, state._replace(rng_key=typed_key(rng_key)))

    def sample(rng_key: PRNGKey | int, state: TrainState, num_samples: int) -> PyTree:
        mixture = config.algorithm.fitted(state.mixture, state.memories)
        points = _draw(typed_key(rng_key), mixture, num_samples)
        return points if layout is None else layout.unravel(points)

    return VIAlgorithm(init, step, sample)


def _draw(rng_key: PRNGKey, mixture: PaddedMixture, num_samples: int) -> Array:
    """Returns [N, D] samples; unlike ``GMM.sample`` this accepts a traced mixture."""
    key_origin, key_noise = jax.random.split(rng_key)
    origins = jax.random.categorical(key_origin, mixture.log_weights, shape=(num_samples,))
    means, factors, *_ = jax.tree.map(lambda array: array[origins], mixture.gaussians)
    noise = jax.random.normal(key_noise, means.shape, means.dtype)

    def colour(factor: PyTree, own: Array) -> Array:
        return mixture.form.colour(factor, own[None])[0]

    return means + jax.vmap(colour)(factors, noise)
