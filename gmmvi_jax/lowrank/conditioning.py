"""Gaussians of low rank plus diagonal, given some of their coordinates: again of that rank."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.typing import Array


class Conditional(NamedTuple):
    """One Gaussian of the remaining coordinates, and the density of the given ones."""

    mean: Array  # [D - M]
    factor: LowRankFactor  # of rank R, or D - M if that is less
    log_density: Array  # scalar


def conditional(
    mean: Array, factor: LowRankFactor, given: Sequence[int], rest: Sequence[int], values: Array
) -> Conditional:
    """Returns a Gaussian given some of its coordinates.

    With the covariance d (I + Q g Q^T) d, the rows B of Q that are given, A the others, and z the
    given values less their mean, over d_B: the covariance of the others is d_A (I + A g' A^T) d_A,
    g' = (I + g B^T B)^-1 g, and their mean moves by d_A A g' B^T z (Woodbury's identity). All is
    O(D R^2 + R^3), however many are given.

    Args:
        mean: [D].
        factor: of one Gaussian.
        given: M indices.
        rest: the D - M others.
        values: [M].
    """
    inside_rows, outside_rows = jnp.asarray(given), jnp.asarray(rest)
    columns, gains = factor.columns, factor.gains
    inside, outside = columns[inside_rows], columns[outside_rows]
    whitened = (values - mean[inside_rows]) / factor.scale[inside_rows]
    system = jnp.eye(factor.rank, dtype=mean.dtype)
    system = system + gains[:, None] * product(inside.T, inside)
    left = jnp.linalg.solve(system, jnp.diag(gains))
    left = 0.5 * (left + left.T)
    pulled = product(left, product(inside.T, whitened))
    residual = whitened - product(inside, pulled)  # (I + B g B^T)^-1 z
    log_det = jnp.linalg.slogdet(system)[1] + 2.0 * jnp.sum(jnp.log(factor.scale[inside_rows]))
    log_density = -0.5 * (whitened @ residual + log_det + len(values) * LOG_TWO_PI)
    frame, root = jnp.linalg.qr(outside)
    sizes, axes = jnp.linalg.eigh(product(product(root, left), root.T))
    scale = factor.scale[outside_rows]
    return Conditional(
        mean=mean[outside_rows] + scale * product(outside, pulled),
        factor=LowRankFactor(scale, product(frame, axes), jnp.sqrt(1.0 + sizes) - 1.0),
        log_density=log_density,
    )


conditionals = jax.vmap(conditional, in_axes=(0, 0, None, None, None))
