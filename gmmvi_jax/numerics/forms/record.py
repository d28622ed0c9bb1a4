"""A Gaussian as it is stored, and points that many of them whiten."""

from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.typing import Array, PyTree


class Gaussian(NamedTuple):
    """A Gaussian or Student-t, or a stack of them with a leading axis on every array."""

    mean: Array  # [D]
    # [D, D] lower Cholesky factor of the covariance, or [D] standard deviations, or a LowRankFactor
    factor: PyTree
    inverse_factor: PyTree  # [D, D] or [D]; () where the factor is easily inverted
    # [] degrees of freedom of a Student-t, of which mean and factor are location and scale.
    degrees: Array | None = None


class CentredPoints(NamedTuple):
    """A chunk of points, prepared for whitening by many Gaussians."""

    columns: Array  # [D + 1, C] x - c, and a row of ones
    centre: Array  # [D] c


class Moments(NamedTuple):
    """Sums of one component for Stein's estimate of its natural gradient.

    Attributes:
        gradient: [D] sum of w grad r.
        hessian: of w (x - mean) (grad r)^T, as far as the form has use for it.
        rest: what else the form needs.
    """

    gradient: Array
    hessian: PyTree
    rest: PyTree


def centre_points(points: Array, centre: Array) -> CentredPoints:
    """Returns a chunk of points relative to a centre, as columns.

    The samples are the last axis, so that sums over the dimensions run over long contiguous rows,
    which a CPU vectorises.

    Args:
        points: [C, D].
        centre: [D] a point near the points and the means. Subtracting it from both before the
            product keeps float32 accurate far from the origin. With a common centre ``vmap`` turns
            the products of a block into a single one, which is 2 to 5 times faster on a CPU.
    """
    ones = jnp.ones((1, points.shape[0]), points.dtype)
    return CentredPoints(jnp.concatenate([(points - centre).T, ones]), centre)
