"""Vectors of increasing numbers."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.domains.standard_normal import sum_event
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True, repr=False)
class Ordered:
    """The numbers of the last axis increase; free are the first, and the logs of the increments."""

    def __repr__(self) -> str:
        """Returns its name."""
        return "ordered"

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the same shape."""
        if not shape or shape[-1] < 1:
            raise ValueError(f"ordered needs a vector, its leaf has shape {shape}.")
        return shape

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns increasing numbers; an increment below rounding leaves two of them equal."""
        del shape
        largest = float(np.log(jnp.finfo(free.dtype).max)) - np.log(free.shape[-1])
        increments = jnp.exp(jnp.minimum(free[..., 1:], largest))
        return jnp.cumsum(jnp.concatenate([free[..., :1], increments], axis=-1), axis=-1)

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the free coordinates of increasing numbers."""
        del shape
        value = jnp.asarray(value)
        increments = value[..., 1:] - value[..., :-1]
        return jnp.concatenate([value[..., :1], jnp.log(increments)], axis=-1)

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns the sum of the logs of the increments."""
        return sum_event(free.at[..., 0].set(0.0), shape)

    def contains(self, value: Any) -> bool:
        """Returns whether the numbers increase."""
        value = np.asarray(value, float)
        return bool(np.all(np.isfinite(value)) and np.all(np.diff(value, axis=-1) > 0.0))


ordered = Ordered()
