"""Correlation matrices."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.domains.bounded import interval
from gmmvi_jax.domains.cholesky import check_square
from gmmvi_jax.domains.protocol import Shape
from gmmvi_jax.domains.standard_normal import sum_event
from gmmvi_jax.typing import Array

_TOLERANCE = 1e-4  # of a user's diagonal, in float32
_PARTIAL = interval(-1.0, 1.0)


@dataclasses.dataclass(frozen=True, repr=False)
class Correlation:
    """The last two axes hold a positive definite matrix with ones on the diagonal.

    Free are the partial correlations of every variable with each one before it, given those before
    both, as z with rho = 2 Phi(z) - 1. Densities are those of the entries below the diagonal.
    Source: Lewandowski, Kurowicka, Joe, "Generating random correlation matrices based on vines and
    extended onion method", Journal of Multivariate Analysis 2009.
    """

    def __repr__(self) -> str:
        """Returns its name."""
        return "correlation"

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the shape with the number of pairs in place of the last two axes."""
        check_square("a correlation matrix", shape)
        if shape[-1] < 2:
            raise ValueError(f"a correlation needs two variables, its leaf has shape {shape}.")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns correlation matrices."""
        factor = self._factor(free, shape[-1])
        matrix = jnp.einsum("...ik,...jk->...ij", factor, factor, precision="highest")
        own = np.eye(shape[-1], dtype=bool)
        return jnp.where(own, 1.0, matrix)

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the free coordinates of correlation matrices."""
        del shape
        value = jnp.asarray(value)
        rows, columns = np.tril_indices(value.shape[-1], -1)
        factor = jnp.linalg.cholesky(value)
        # What is left of a row's length 1 before each entry.
        left = jnp.flip(jnp.cumsum(jnp.flip(jnp.square(factor), -1), axis=-1), -1)
        partial = factor[..., rows, columns] / jnp.sqrt(left[..., rows, columns])
        return _PARTIAL.unconstrain(jnp.clip(partial, *_ends(value.dtype)), ())

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns the log of the Jacobian determinant."""
        count = shape[-1]
        _, columns = np.tril_indices(count, -1)
        partial = _PARTIAL.constrain(free, ())
        log_rest = jnp.log1p(-jnp.square(partial))
        terms = log_rest * (0.5 * (count - 2 - columns)) + _PARTIAL.log_volume(free, ())
        return sum_event(terms, shape[1:])

    def contains(self, value: Any) -> bool:
        """Returns whether the matrices are correlations."""
        value = np.asarray(value, float)
        diagonal = np.diagonal(value, axis1=-2, axis2=-1)
        is_symmetric = np.allclose(value, value.swapaxes(-1, -2), atol=_TOLERANCE)
        if not is_symmetric or not np.allclose(diagonal, 1.0, atol=_TOLERANCE):
            return False
        return bool(np.all(np.linalg.eigvalsh(value) > 0.0))

    def _factor(self, free: Array, count: int) -> Array:
        """Returns the lower Cholesky factors, with rows of length 1."""
        rows, columns = np.tril_indices(count, -1)
        partial = jnp.zeros((*free.shape[:-1], count, count), free.dtype)
        partial = partial.at[..., rows, columns].set(_PARTIAL.constrain(free, ()))
        shares = jnp.sqrt(jnp.cumprod(1.0 - jnp.square(partial), axis=-1))
        left = jnp.concatenate([jnp.ones_like(shares[..., :1]), shares[..., :-1]], axis=-1)
        return jnp.tril(left * jnp.where(np.eye(count, dtype=bool), 1.0, partial))


def _ends(dtype: Any) -> tuple[float, float]:
    largest = 1.0 - float(jnp.finfo(dtype).eps)
    return -largest, largest


correlation = Correlation()
