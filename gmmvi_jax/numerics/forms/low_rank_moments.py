"""Stein's estimate of a Hessian in a few directions, and of what is diagonal beside them.

In whitened coordinates z, with g the gradient of r in them, a component's Hessian of r is
H = E[g z^T] (Stein's lemma). Of it H V is estimated, for the directions V [D, M] of the factor's
basis, and the diagonal of P H P with P = I - V V^T, in one pass over the samples that holds nothing
of size D^2.

The estimates are regressions of g on z, which have the same expectation as the plain averages:
H V = cov(g, V^T z) cov(V^T z)^-1, and of what is left, coordinate by coordinate,
cov(g_i, z_i) / var(z_i). Each regression is of what the other one leaves of g, so that of the noise
of the samples' own covariance remains what H has beside the family. The plain averages of N samples
in D dimensions have an error of |H| sqrt(D / N).
"""

from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array

# Smallest variance along a direction that is divided by, relative to that of the component: samples
# that say nothing about a direction leave it as it is.
_LEAST_VARIANCE = 0.1
# Smallest share of a coordinate that lies outside of the directions, where it is told apart.
_LEAST_SHARE = 1e-3
_ROUNDS = 2  # of both regressions; more change the estimates by less than their noise


class LowRankHessian(NamedTuple):
    """What is known of a whitened Hessian H."""

    image: Array  # [D, M] H V
    diagonal: Array  # [D] delta with P H P ~ P diag(delta) P


class LowRankRest(NamedTuple):
    """Sums over samples that the regressions need beside those of ``LowRankHessian``."""

    noise: Array  # [D, M] of w z (V^T z)^T
    squares: Array  # [D] of w z^2
    mean: Array  # [D] of w z


def outside_shares(basis: Array) -> Array:
    """Returns [D] the diagonal of P = I - V V^T."""
    return 1.0 - jnp.sum(jnp.square(basis), axis=1)


def sum_moments(
    basis: Array, weights: Array, whitened: Array, slopes: Array
) -> tuple[Array, LowRankHessian, LowRankRest]:
    """Returns sums over a chunk of samples: of w g, of w g z^T in parts, and the rest.

    Args:
        basis: [D, M] V.
        weights: [C] w.
        whitened: [D, C] z.
        slopes: [D, C] g.
    """
    places = (weights * product(basis.T, whitened)).T  # [C, M]
    hessian = LowRankHessian(
        image=product(slopes, places),
        diagonal=jnp.sum(weights * slopes * whitened, axis=1),
    )
    rest = LowRankRest(
        noise=product(whitened, places),
        squares=product(jnp.square(whitened), weights),
        mean=product(whitened, weights),
    )
    return product(slopes, weights), hessian, rest


class _Covariances(NamedTuple):
    """Of samples, with a = V^T z their places and z' = P z what is left."""

    slopes_places: Array  # [D, M] cov(g, a)
    rest_places: Array  # [D, M] cov(z', a)
    inverse: Array  # [M, M] of cov(a)
    slopes_noise: Array  # [D] cov(g_i, z'_i)
    rest: Array  # [D] var(z'_i)
    plain: Array  # [D] cov(g_i, z_i) / var(z_i), of all that z_i goes with


def estimate(
    basis: Array, gradient: Array, hessian: LowRankHessian, rest: LowRankRest, total: Array
) -> tuple[Array, LowRankHessian]:
    """Returns the whitened gradient [D] of r, and the parts of minus its Hessian.

    Args:
        basis: [D, M] V.
        gradient: [D] sum of w g.
        hessian: sums.
        rest: sums.
        total: of the weights.
    """
    mean, gradient = rest.mean / total, gradient / total
    found = _covariances(basis, mean, gradient, hessian, rest, total)
    image, diagonal = found.plain[:, None] * basis, found.plain
    # Each part of the Hessian is the noise of the other.
    for _ in range(_ROUNDS):
        image, diagonal = _regressions(basis, found, image, diagonal)
    # The gradient at z = 0, by the same regressions.
    places = product(basis.T, mean)
    outside = mean - product(basis, places)
    across = product(basis, product(_outside(basis, image).T, outside))
    gradient = gradient - product(image, places) - across - diagonal * outside
    return gradient, LowRankHessian(-image, -diagonal)


def _covariances(
    basis: Array,
    mean: Array,
    gradient: Array,
    hessian: LowRankHessian,
    rest: LowRankRest,
    total: Array,
) -> _Covariances:
    """Returns the covariances of samples, from their sums and their means."""
    places = product(basis.T, mean)
    slopes_places = hessian.image / total - gradient[:, None] * places
    noise_places = rest.noise / total - mean[:, None] * places  # cov(z, a)
    inner = product(basis.T, noise_places)
    sizes, axes = jnp.linalg.eigh(0.5 * (inner + inner.T))
    spread = product(basis, inner)
    variances = rest.squares / total - jnp.square(mean)
    left = variances + jnp.sum(basis * (spread - 2.0 * noise_places), axis=1)
    least = jnp.maximum(outside_shares(basis), _LEAST_SHARE)
    slopes_noise = hessian.diagonal / total - gradient * mean
    return _Covariances(
        slopes_places=slopes_places,
        rest_places=noise_places - spread,
        inverse=product(axes / jnp.maximum(sizes, _LEAST_VARIANCE), axes.T),
        slopes_noise=slopes_noise - jnp.sum(basis * slopes_places, axis=1),
        rest=jnp.maximum(left, _LEAST_VARIANCE * least),
        plain=slopes_noise / jnp.maximum(variances, _LEAST_VARIANCE),
    )


def _regressions(
    basis: Array, found: _Covariances, image: Array, diagonal: Array
) -> tuple[Array, Array]:
    """Returns H V and the diagonal, each by a regression of what the other leaves of g.

    g = H V a + V (P H V)^T z' + P (delta z') + what is not in the family.
    """
    bent = diagonal[:, None] * found.rest_places
    across = product(basis, product(_outside(basis, image).T, found.rest_places))
    along = found.slopes_places - across - _outside(basis, bent)
    image = product(along, found.inverse)
    # cov(g_i - (H V)_i a, z'_i) / var(z'_i) has the expectation (H P)_ii / P_ii.
    slopes = (found.slopes_noise - jnp.sum(image * found.rest_places, axis=1)) / found.rest
    shares = outside_shares(basis)
    is_outside = shares > _LEAST_SHARE
    crossed = jnp.sum(basis * _outside(basis, image), axis=1)
    return image, jnp.where(is_outside, slopes - crossed / jnp.where(is_outside, shares, 1.0), 0.0)


def _outside(basis: Array, columns: Array) -> Array:
    """Returns P Y of columns Y [D, M]."""
    return columns - product(basis, product(basis.T, columns))


def second_moments(basis: Array, whitened: Array, weights: Array) -> LowRankHessian:
    """Returns sum_n w_n z_n z_n^T in parts, of samples z [D, C]."""
    places = product(basis.T, whitened)
    outside = whitened - product(basis, places)
    return LowRankHessian(
        image=product(weights * whitened, places.T),
        diagonal=_by_share(basis, product(jnp.square(outside), weights)),
    )


def unit(basis: Array, value: Array) -> LowRankHessian:
    """Returns a multiple of the identity in parts."""
    return LowRankHessian(value * basis, _by_share(basis, value * outside_shares(basis)))


def _by_share(basis: Array, values: Array) -> Array:
    """Returns [D] delta whose P diag(delta) P has about this diagonal; exactly, if delta is even.

    The least-squares fit solves (P o P) delta = diag; its matrix is replaced by the diagonal of its
    row sums, which are those of P.
    """
    shares = outside_shares(basis)
    is_outside = shares > _LEAST_SHARE
    return jnp.where(is_outside, values / jnp.where(is_outside, shares, 1.0), 0.0)
