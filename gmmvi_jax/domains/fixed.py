"""Values that are not fitted."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.domains.static import as_tuples
from gmmvi_jax.requirements import require_host_array
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A constant: it has no free coordinates.

    Attributes:
        value: a number, or nested tuples of the value's shape.
    """

    value: Any

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the shape of nothing."""
        if np.shape(self.value) not in ((), shape):
            raise ValueError(
                f"a fixed value has shape {np.shape(self.value)}, its leaf {shape}; give a number "
                f"or an array of this shape."
            )
        return (0,)

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns the constant."""
        value = jnp.asarray(np.asarray(self.value, float), free.dtype)
        return jnp.broadcast_to(value, (*free.shape[:-1], *shape))

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns nothing, for each of the leading axes."""
        value = jnp.asarray(value)
        leading = value.shape[: value.ndim - len(shape)]
        return jnp.zeros((*leading, 0), value.dtype)

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns 0."""
        del shape
        return jnp.zeros(free.shape[:-1], free.dtype)

    def contains(self, value: Any) -> bool:
        """Returns whether it is the constant."""
        return bool(np.allclose(np.asarray(value, float), np.asarray(self.value, float)))


def fixed(value: ArrayLike) -> Fixed:
    """Returns the domain of a single value, which is then not fitted."""
    return Fixed(as_tuples(require_host_array("value", value).astype(float)))
