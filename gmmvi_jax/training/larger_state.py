"""A state with room for more components."""

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Config
from gmmvi_jax.init import init
from gmmvi_jax.state import TrainState
from gmmvi_jax.typing import Array


def with_capacity(state: TrainState, begun: Config, config: Config) -> TrainState:
    """Returns the state in the buffers of a config that asks for more components.

    Every buffer is filled from its first row on, so that what is there keeps its place.

    Args:
        state: of a run.
        begun: the config of its buffers.
        config: has the same ``max_components``, or more.
    """
    if begun.algorithm.max_components == config.algorithm.max_components:
        return state
    empty = init(config.algorithm, jax.random.key(0))
    leaves, structure = jax.tree.flatten(empty)
    parts = jax.tree.leaves(state)
    return jax.tree.unflatten(structure, map(_filled, leaves, parts))


def _filled(empty: Array, part: Array) -> Array:
    """Returns the larger array with the smaller one in its first corner."""
    if empty.shape == part.shape:
        return part
    return jnp.asarray(empty).at[tuple(slice(0, length) for length in part.shape)].set(part)
