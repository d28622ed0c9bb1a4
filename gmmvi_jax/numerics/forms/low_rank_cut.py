"""A covariance cut to the rank that its factor has room for.

The directions with the largest effect on the density that a diagonal could not have are kept,
exactly, those after them are looked at in the next step, and all that is cut is projected onto what
the family has beside the kept ones, a diagonal, in the Fisher metric. So what a step finds in
directions that are then cut is not lost to first order, and a mixture that is at the optimum of the
family stays there.
"""

import jax.numpy as jnp

from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor
from gmmvi_jax.numerics.orthonormal import is_column, orthonormal_beside, orthonormal_columns
from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array

_LEAST_SHARE = 1e-3  # of a coordinate outside of the kept directions that has a variance of its own


def cut(scale: Array, frame: Array, root: Array, rank: int, width: int) -> LowRankFactor:
    """Returns the factor of diag(d) (I - F F^T + F T T^T F^T) diag(d), cut to a rank.

    Args:
        scale: [D] d.
        frame: [D, S] F, orthonormal columns or zeros.
        root: [S, S] T.
        rank: of the result.
        width: of its basis: the rank, and how many directions to look at.
    """
    exists = is_column(frame).astype(root.dtype)
    vectors, sizes, _ = jnp.linalg.svd(exists[:, None] * root * exists)
    is_direction = product(exists, jnp.square(vectors)) > 0.5
    squares = jnp.where(is_direction, jnp.square(sizes), 1.0)
    directions = product(frame, vectors)
    order = _by_effect(squares, directions, is_direction)
    directions, squares = directions[:, order], squares[order]

    kept, others = directions[:, :rank], directions[:, rank:]
    # What is cut, N_c, is orthogonal to the kept Q: with P = I - Q Q^T its projection is P E P.
    lost = jnp.sum((squares[rank:] - 1.0) * jnp.square(others), axis=1)
    shares = 1.0 - jnp.sum(jnp.square(kept), axis=1)
    has_own = shares > _LEAST_SHARE
    rest = 1.0 + jnp.where(has_own, lost / jnp.where(has_own, shares, 1.0), 0.0)
    basis, excess = _beside(kept, squares[:rank], rest)
    probes = orthonormal_beside(others[:, : width - rank], basis)
    basis = jnp.concatenate([basis, probes], axis=1)
    return LowRankFactor(scale * jnp.sqrt(rest), basis, excess)


def _beside(kept: Array, squares: Array, rest: Array) -> tuple[Array, Array]:
    """Returns Q' and a' of P diag(rest) P + Q diag(squares) Q^T, in units of the rest.

    With s = rest^(-1/2), s (P diag(rest) P + Q diag(squares) Q^T) s is the identity but for the
    span of s Q and Q / s, and positive definite there; of its 2 R directions R are kept.

    Args:
        kept: [D, R] Q.
        squares: [R] variances along them.
        rest: [D] of what is beside them.
    """
    rank, units = kept.shape[1], 1.0 / jnp.sqrt(rest)[:, None]
    frame = orthonormal_columns(kept * units)
    frame = jnp.concatenate([frame, orthonormal_beside(kept / units, frame)], axis=1)
    scaled = frame * units
    places = product(kept.T, scaled)
    outside = scaled - product(kept, places)
    small = product((rest[:, None] * outside).T, outside) + product(
        (squares[:, None] * places).T, places
    )
    exists = is_column(frame)
    small = small + jnp.diag(jnp.where(exists, 0.0, 1.0).astype(small.dtype))
    values, axes = jnp.linalg.eigh(0.5 * (small + small.T))
    is_direction = product(exists.astype(small.dtype), jnp.square(axes)) > 0.5
    directions = product(frame, axes)
    order = _by_effect(values, directions, is_direction)[:rank]
    return directions[:, order], jnp.sqrt(values[order]) - 1.0


def _by_effect(variances: Array, directions: Array, is_direction: Array) -> Array:
    """Returns the order of directions by what they say beside a diagonal, largest first.

    That is KL(N(0, w) || N(0, 1)) times the share of q q^T that is not on its diagonal. Without the
    share a direction along one coordinate, which is nothing but that coordinate's variance, would
    take the place of a correlation.

    Args:
        variances: [S] w.
        directions: [D, S] q.
        is_direction: [S] false for columns of zeros, which come last.
    """
    effects = variances - 1.0 - jnp.log(variances)
    shares = 1.0 - jnp.sum(jnp.square(jnp.square(directions)), axis=0)
    return jnp.argsort(-jnp.where(is_direction, effects * shares, -1.0))
