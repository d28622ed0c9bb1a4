"""Factors of low rank plus diagonal, from loadings and from other covariances."""

from functools import partial

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.forms.low_rank import first_directions
from gmmvi_jax.numerics.forms.low_rank_cut import cut
from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor
from gmmvi_jax.numerics.orthonormal import orthonormal_beside, orthonormal_columns
from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array, PyTree


@jax.jit
def factors_of_loadings(variances: Array, loadings: Array) -> LowRankFactor:
    """Returns the factors of diag(variances) + W W^T.

    Args:
        variances: [K, D].
        loadings: [K, D, R] W.
    """
    rank = loadings.shape[-1]

    def factor_of(variance: Array, own: Array) -> LowRankFactor:
        scale = jnp.sqrt(variance)
        scaled = own / scale[:, None]
        frame = _completed(orthonormal_columns(scaled), rank)
        places = product(frame.T, scaled)
        unit = jnp.eye(len(places), dtype=places.dtype)
        return cut(scale, frame, _root(unit + product(places, places.T)), rank, rank)

    return jax.vmap(factor_of)(variances, loadings)


@partial(jax.jit, static_argnames="rank")
def factors_of_mixture(means: Array, factors: PyTree, rank: int) -> LowRankFactor:
    """Returns factors of some rank with the same variances as others.

    Args:
        means: [K, D].
        factors: [K, D, D], [K, D] or low-rank ones.
        rank: R.
    """

    def of_low_rank(own: LowRankFactor) -> LowRankFactor:
        frame = _completed(own.columns, rank)
        gains = jnp.concatenate([1.0 + own.excess, jnp.ones(rank, own.excess.dtype)])
        return cut(own.scale, frame, jnp.diag(gains), rank, rank)

    def of_diagonal(own: Array) -> LowRankFactor:
        basis = jnp.asarray(first_directions(len(own), rank), own.dtype)
        return LowRankFactor(own, basis, jnp.zeros(rank, own.dtype))

    def of_full(own: Array) -> LowRankFactor:
        lower = jnp.tril(own)
        scale = jnp.sqrt(jnp.sum(jnp.square(lower), axis=1))
        sizes, frame = jnp.linalg.eigh(product(lower, lower.T) / jnp.outer(scale, scale))
        return cut(scale, frame, jnp.diag(jnp.sqrt(sizes)), rank, rank)

    if isinstance(factors, LowRankFactor):
        return jax.vmap(of_low_rank)(factors)
    return jax.vmap(of_diagonal if factors.ndim == means.ndim else of_full)(factors)


def _completed(columns: Array, count: int) -> Array:
    """Returns orthonormal columns and ``count`` more, as far as there is room for them."""
    more = jnp.asarray(first_directions(columns.shape[0], count), columns.dtype)
    return jnp.concatenate([columns, orthonormal_beside(more, columns)], axis=1)


def _root(matrix: Array) -> Array:
    """Returns the symmetric root of a positive definite matrix."""
    sizes, vectors = jnp.linalg.eigh(matrix)
    return product(vectors * jnp.sqrt(jnp.maximum(sizes, 0.0)), vectors.T)
