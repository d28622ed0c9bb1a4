"""Steps of Gaussians whose Hessians and factors are arrays: [D, D], or [D] of diagonal ones."""

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.roots import (
    apply_factor,
    apply_transposed_factor,
    divergence_from_standard,
    factor_of_precision,
    unit_like,
)
from gmmvi_jax.numerics.trust_region import solve_multiplier, spectrum
from gmmvi_jax.typing import Array


def empty_hessians(gaussians: Gaussian) -> Array:
    """Returns zeros, [K, D, D] or [K, D]."""
    return jnp.zeros_like(gaussians.factor)


def empty_rest(gaussians: Gaussian) -> tuple[()]:
    """Returns nothing."""
    del gaussians
    return ()


def squared_norm(gaussian: Gaussian, hessian: Array) -> Array:
    """Returns [] the sum of squares."""
    del gaussian
    return jnp.sum(jnp.square(hessian))


def move(gaussian: Gaussian, factor: Array, shift: Array) -> Gaussian:
    """Returns the Gaussian that is N(shift, F F^T) in the whitened coordinates of another.

    Args:
        gaussian: the Gaussian whose whitened coordinates are meant.
        factor: F, [D, D] lower triangular or [D].
        shift: [D].
    """
    mean = gaussian.mean + apply_factor(gaussian.factor, shift)
    if factor.ndim == 1:
        inverse_factor = gaussian.inverse_factor / factor
        return Gaussian(mean, gaussian.factor * factor, inverse_factor, gaussian.degrees)
    new_factor = product(gaussian.factor, factor)
    inverse_factor = solve_triangular(new_factor, unit_like(new_factor), lower=True)
    return Gaussian(mean, new_factor, inverse_factor, gaussian.degrees)


def change_precision(gaussian: Gaussian, precision: Array, linear: Array) -> Gaussian:
    """Returns the Gaussian with the given natural parameters in whitened coordinates.

    In z = L^-1 (x - mean) the result has precision P = ``precision`` and mean P^-1 ``linear``.
    With P = R R^T (R upper triangular) the new Cholesky factor is L R^-T, so the quality of
    the factorisation depends on the conditioning of the STEP, not of the covariance.

    Args:
        gaussian: the Gaussian whose whitened coordinates are meant.
        precision: [D, D] symmetric, or [D] for a diagonal covariance.
        linear: [D].

    Returns:
        The new Gaussian, not finite if ``precision`` is not positive definite.
    """
    return move(gaussian, *_moments_of(precision, linear))


def trust_region_step(
    gaussian: Gaussian, gradient: Array, hessian: Array, bound: Array, lowest: Array
) -> tuple[Gaussian, Array]:
    """Returns the step with the smallest multiplier in reach, and its KL; see ``Form``."""
    eigenvalues, projected = spectrum(hessian, gradient)
    eta, divergence = solve_multiplier(eigenvalues, projected, bound, lowest)
    scaled = hessian / eta
    return change_precision(gaussian, unit_like(scaled) + scaled, gradient / eta), divergence


def direct_step(
    gaussian: Gaussian, gradient: Array, hessian: Array, stepsize: Array
) -> tuple[Gaussian, Array]:
    """Returns the step of a stepsize, and its KL; see ``Form``."""
    precision = unit_like(hessian) + stepsize * hessian
    factor, shift = _moments_of(precision, stepsize * gradient)
    return move(gaussian, factor, shift), divergence_from_standard(factor, shift)


def _moments_of(precision: Array, linear: Array) -> tuple[Array, Array]:
    """Returns the factor and the mean of the Gaussian with these natural parameters."""
    factor = factor_of_precision(precision)
    return factor, apply_factor(factor, apply_transposed_factor(factor, linear))
