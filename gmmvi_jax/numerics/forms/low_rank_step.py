"""Natural-gradient steps of covariances of low rank plus diagonal.

The Hessian H is known in directions V, and as a diagonal beside them, which is its projection onto
the tangent space of the family in the Fisher metric of the whitened coordinates, where the metric
is Frobenius' (V = Q, the factor's own directions, and a few more in which correlations are looked
for): H ~ V V^T H + H V V^T - V V^T H V V^T + P diag(delta) P, a diagonal and a matrix of rank 2 M.

So is the precision I + H / eta of the step; its inverse, again a diagonal and a matrix of rank 2 M,
has O(D M^2) cost, and so has KL(new || old), by which eta is found. The new covariance is then cut
back to rank R, see ``low_rank_cut``.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics.bracketing import meet_bound
from gmmvi_jax.numerics.forms.low_rank_cut import cut
from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor, stretch
from gmmvi_jax.numerics.forms.low_rank_moments import LowRankHessian
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.orthonormal import is_column, orthonormal_beside
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.trust_region import precision_divergence
from gmmvi_jax.typing import Array


class Structured(NamedTuple):
    """A symmetric matrix, diag(diagonal) + O core O^T."""

    diagonal: Array  # [D]
    span: Array  # [D, S] O, orthonormal columns, some of which may be zero
    core: Array  # [S, S] symmetric


class _Spectrum(NamedTuple):
    """The precision e + O core O^T / eta = e^(1/2) (I + B K B^T) e^(1/2), and what follows."""

    relative: Array  # [D] u, with e = 1 + u
    root: Array  # [S, S] C, with B = e^(-1/2) O C^-T orthonormal
    eigenvalues: Array  # [S] of K
    vectors: Array  # [S, S] of K


def structured(basis: Array, hessian: LowRankHessian) -> Structured:
    """Returns the projected Hessian; see the module.

    Args:
        basis: [D, M] V.
        hessian: its parts.
    """
    residual = hessian.image - hessian.diagonal[:, None] * basis
    inner = product(basis.T, residual)
    directions = orthonormal_beside(residual, basis)
    across = product(directions.T, residual)
    core = jnp.block([[0.5 * (inner + inner.T), across.T], [across, jnp.zeros_like(across)]])
    return Structured(hessian.diagonal, jnp.concatenate([basis, directions], axis=1), core)


def trust_region_step(
    gaussian: Gaussian, gradient: Array, hessian: LowRankHessian, bound: Array, lowest: Array
) -> tuple[Gaussian, Array]:
    """Returns the step with the smallest multiplier in reach, and its KL; see ``Form``.

    The bound is on the step before it is cut to the rank.
    """
    matrix = structured(gaussian.factor.basis, hessian)
    # At this multiplier every eigenvalue of H / eta is in [-1/2, 1/2], see ``solve_multiplier``.
    inner = jnp.sqrt(jnp.sum(jnp.square(matrix.core)))
    largest = jnp.max(jnp.abs(matrix.diagonal)) + inner
    size = jnp.sqrt(jnp.sum(jnp.square(matrix.diagonal))) + inner
    slope = jnp.sum(gradient * gradient)
    by_bound = jnp.sqrt((1.23 * size * size + 4.0 * slope) / (2.0 * bound))
    feasible = jnp.maximum(jnp.maximum(2.0 * largest, lowest), by_bound)
    solution = meet_bound(
        lambda eta: _divergence(matrix, gradient, eta),
        bound,
        preferred=lowest,
        infeasible=lowest,
        feasible=feasible,
    )
    return _moved(gaussian, matrix, gradient, solution.value), solution.divergence


def direct_step(
    gaussian: Gaussian, gradient: Array, hessian: LowRankHessian, stepsize: Array
) -> tuple[Gaussian, Array]:
    """Returns the step of a stepsize, and its KL; see ``Form``."""
    matrix = structured(gaussian.factor.basis, hessian)
    eta = 1.0 / stepsize
    divergence = _divergence(matrix, gradient, eta)
    proposal = _moved(gaussian, matrix, gradient, eta)
    return proposal, jnp.where(jnp.isfinite(divergence), divergence, jnp.nan)


def _spectrum(matrix: Structured, eta: Array) -> _Spectrum:
    """Returns the precision I + H / eta of a step, decomposed."""
    relative = matrix.diagonal / eta
    weights = 1.0 / (1.0 + relative)
    gram = product((weights[:, None] * matrix.span).T, matrix.span)
    # A column of zeros belongs to no direction; it must not make the matrix singular.
    gram = gram + jnp.diag(jnp.where(is_column(matrix.span), 0.0, 1.0).astype(gram.dtype))
    root = jnp.linalg.cholesky(gram)
    inner = product(root.T, product(matrix.core, root)) / eta
    return _Spectrum(relative, root, *jnp.linalg.eigh(0.5 * (inner + inner.T)))


def _shift(matrix: Structured, spectrum: _Spectrum, linear: Array) -> Array:
    """Returns [D] the mean of the step, the inverse precision times ``linear``."""
    scaled = linear / (1.0 + spectrum.relative)
    places = solve_triangular(spectrum.root, product(matrix.span.T, scaled), lower=True)
    places = product(spectrum.vectors.T, places)
    places = -spectrum.eigenvalues / (1.0 + spectrum.eigenvalues) * places
    places = product(spectrum.vectors, places)
    places = solve_triangular(spectrum.root, places, lower=True, trans=1)
    return scaled + product(matrix.span, places) / (1.0 + spectrum.relative)


def _divergence(matrix: Structured, gradient: Array, eta: Array) -> Array:
    """Returns KL(new || old) of the step with multiplier ``eta``, inf if it is no Gaussian.

    2 KL = sum_i f(u_i) + sum_j f(l_j) - sum_j l_j / (1 + l_j) v_j^T (1 / e - 1) v_j + |shift|^2,
    with f(u) = log(1 + u) - u / (1 + u), e = 1 + u, and l_j, v_j the eigenpairs of the rest; no
    term is the difference of large numbers.
    """
    spectrum = _spectrum(matrix, eta)
    weights = 1.0 / (1.0 + spectrum.relative)
    bent = -weights * weights * spectrum.relative
    gram = product((bent[:, None] * matrix.span).T, matrix.span)
    turned = solve_triangular(spectrum.root, spectrum.vectors, lower=True, trans=1)
    surplus = jnp.sum(turned * product(gram, turned), axis=0)
    shift = _shift(matrix, spectrum, gradient / eta)
    eigenvalues = spectrum.eigenvalues
    total = (
        jnp.sum(precision_divergence(spectrum.relative))
        + jnp.sum(precision_divergence(eigenvalues))
        - jnp.sum(eigenvalues / (1.0 + eigenvalues) * surplus)
        + jnp.sum(shift * shift)
    )
    is_gaussian = (jnp.min(spectrum.relative) > -1.0) & (jnp.min(eigenvalues) > -1.0)
    return jnp.where(is_gaussian, 0.5 * total, jnp.inf)


def _moved(gaussian: Gaussian, matrix: Structured, gradient: Array, eta: Array) -> Gaussian:
    """Returns the Gaussian after the step, of the rank it had; not finite where there is none."""
    factor: LowRankFactor = gaussian.factor
    spectrum = _spectrum(matrix, eta)
    shift = _shift(matrix, spectrum, gradient / eta)
    mean = gaussian.mean + factor.scale * stretch(factor, shift)

    # The covariance is d0 T T^T d0, with d0 = d e^(-1/2), and T = (I + X a W^T) (I + B J B^T) where
    # X = e^(1/2) Q, W = e^(-1/2) Q and I + J = (I + K)^(-1/2).
    roots = jnp.sqrt(1.0 + spectrum.relative)
    unrolled = solve_triangular(spectrum.root, matrix.span.T / roots, lower=True).T  # B
    stretched = roots[:, None] * factor.columns
    frame = [unrolled, orthonormal_beside(stretched, unrolled)]
    frame = jnp.concatenate(frame, axis=1)
    left, right = product(frame.T, stretched), product(frame.T, factor.columns / roots[:, None])
    size, inner = frame.shape[1], matrix.span.shape[1]
    gains = 1.0 / jnp.sqrt(1.0 + spectrum.eigenvalues) - 1.0
    bent = product(spectrum.vectors * gains, spectrum.vectors.T)
    unit = jnp.eye(size, dtype=bent.dtype)
    small = product(
        unit + product(left * factor.excess, right.T), unit.at[:inner, :inner].add(bent)
    )
    new_factor = cut(factor.scale / roots, frame, small, factor.rank, factor.basis.shape[-1])
    return Gaussian(mean, new_factor, (), gaussian.degrees)
