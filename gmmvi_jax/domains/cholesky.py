"""Lower triangular matrices with a positive diagonal: Cholesky factors of covariances."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.domains.bounded import positive
from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.domains.standard_normal import sum_event
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True, repr=False)
class CholeskyFactor:
    """The last two axes hold a lower triangle; free are its entries, with logs on the diagonal.

    The free coordinates are in the order of rows. A density of factors is one of these entries.
    """

    def __repr__(self) -> str:
        """Returns its name."""
        return "cholesky_factor"

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the shape with the number of entries in place of the last two axes."""
        check_square("a Cholesky factor", shape)
        return (*shape[:-2], shape[-1] * (shape[-1] + 1) // 2)

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns lower triangles with a positive diagonal."""
        rows, columns = np.tril_indices(shape[-1])
        entries = jnp.where(rows == columns, positive.constrain(free, ()), free)
        matrix = jnp.zeros((*free.shape[:-1], *shape[-2:]), free.dtype)
        return matrix.at[..., rows, columns].set(entries)

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the entries of lower triangles, and the logs of their diagonals."""
        del shape
        value = jnp.asarray(value)
        rows, columns = np.tril_indices(value.shape[-1])
        entries = value[..., rows, columns]
        is_diagonal = rows == columns
        return jnp.where(is_diagonal, jnp.log(jnp.where(is_diagonal, entries, 1.0)), entries)

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns the sum of the logs of the diagonals."""
        rows, columns = np.tril_indices(shape[-1])
        terms = jnp.where(rows == columns, free, 0.0)
        return sum_event(terms, shape[1:])

    def contains(self, value: Any) -> bool:
        """Returns whether the upper triangles are 0 and the diagonals positive."""
        value = np.asarray(value, float)
        diagonal = np.diagonal(value, axis1=-2, axis2=-1)
        return bool(np.all(np.triu(value, 1) == 0.0) and np.all(diagonal > 0.0))


def check_square(name: str, shape: Shape) -> None:
    """Raises ValueError if the last two axes are not those of a square matrix."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"{name} is a square matrix, its leaf has shape {shape}.")


cholesky_factor = CholeskyFactor()
