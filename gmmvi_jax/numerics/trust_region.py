"""The largest natural-gradient step inside a Kullback-Leibler ball, for ONE Gaussian."""

import jax.numpy as jnp

from gmmvi_jax.numerics.bracketing import BoundSolution, meet_bound
from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array


def spectrum(hessian: Array, gradient: Array) -> tuple[Array, Array]:
    """Returns [D] eigenvalues of the whitened Hessian and [D] the gradient in its eigenbasis.

    A diagonal Hessian [D] is its own spectrum.
    """
    if hessian.ndim == 1:
        return hessian, gradient
    # LAPACK is column-major. The transpose is the same matrix and needs no copy; without it XLA
    # transposes the buffer of ALL components in every step.
    eigenvalues, eigenvectors = jnp.linalg.eigh(hessian.T, symmetrize_input=False)
    return eigenvalues, product(eigenvectors.T, gradient)


def precision_divergence(relative: Array) -> Array:
    """Returns log(1 + u) - u / (1 + u), without cancellation near u = 0."""
    series = relative**2 * (0.5 + relative * (-2.0 / 3.0 + relative * (0.75 - 0.8 * relative)))
    safe = jnp.where(relative > -1.0, relative, 0.0)
    exact = jnp.log1p(safe) - safe / (1.0 + safe)
    value = jnp.where(jnp.abs(relative) < 1e-2, series, exact)
    return jnp.where(relative > -1.0, value, jnp.inf)


def step_divergence(eigenvalues: Array, gradient: Array, eta: Array) -> Array:
    """Returns KL(new || old) of the step with multiplier ``eta``, inf if not a Gaussian.

    In whitened coordinates the old Gaussian is standard normal and the new one has precision
    I + H / eta and mean (eta I + H)^-1 g (docs/algorithm.md, "Module 4"). In the
    eigenbasis of H both are diagonal, so this costs O(D).

    Args:
        eigenvalues: [D] of the whitened Hessian H.
        gradient: [D] the whitened gradient in H's eigenbasis.
        eta: the Lagrange multiplier of the trust region, positive.
    """
    shifts = gradient / (eta + eigenvalues)
    return 0.5 * jnp.sum(precision_divergence(eigenvalues / eta) + shifts * shifts)


def solve_multiplier(
    eigenvalues: Array, gradient: Array, bound: Array, lowest: Array
) -> BoundSolution:
    """Returns the smallest eta >= ``lowest`` with KL(new || old) <= bound, and that KL.

    Source: Arenz et al., JMLR 2020, the trust-region problem of Eq. (10), whose dual has one
    unknown. The divergence falls monotonically with eta above -min(eigenvalues).

    Args:
        eigenvalues: [D] of the whitened Hessian.
        gradient: [D] the whitened gradient in its eigenbasis.
        bound: largest KL allowed, positive.
        lowest: smallest multiplier allowed, the temperature (a full natural-gradient step).
    """
    # At this multiplier every |u| <= 1/2, where each term is below 1.23 u^2 and each shift
    # below 2 g / eta: the sum cannot exceed the bound.
    curvature = jnp.sum(eigenvalues * eigenvalues)
    slope = jnp.sum(gradient * gradient)
    feasible = jnp.maximum(
        jnp.maximum(2.0 * jnp.max(jnp.abs(eigenvalues)), lowest),
        jnp.sqrt((1.23 * curvature + 4.0 * slope) / (2.0 * bound)),
    )
    infeasible = jnp.maximum(lowest, -jnp.min(eigenvalues) * (1.0 + 1e-6))
    return meet_bound(
        lambda eta: step_divergence(eigenvalues, gradient, eta),
        bound,
        preferred=lowest,
        infeasible=infeasible,
        feasible=feasible,
    )
