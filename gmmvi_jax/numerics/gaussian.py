"""A Gaussian, given by its mean, factor and inverse factor; or a Student-t, with degrees as well.

Written for ONE Gaussian; callers ``vmap`` over a block of them. What depends on how its factor L
(covariance L L^T) is stored is answered by its form, see ``numerics.forms``. Updates work in the
coordinates z = L^-1 (x - mean), in which the Gaussian is standard normal ("whitened"): they are
affine invariant there, and well conditioned even for a badly conditioned covariance.

A Student-t distribution is a Gaussian of random width: given a w that follows an inverse Gamma
distribution, x has the covariance w L L^T. It differs from the Gaussian with the same factor in its
density, in its score and in its noise, all of which are here. What moves a Gaussian moves a
Student-t: the natural gradient of the joint distribution of x and w in (mu, Sigma) is that of the
Gaussian, since E[1 / w] = 1, and its estimate by Stein's lemma too, since given w the w of the
covariance and that of the Hessian cancel. The KL of a step is that of the joint distributions,
which is no less than that of the Student-t themselves. Source: Lin, Khan, Schmidt, "Fast and simple
natural-gradient variational inference with mixture of exponential-family approximations", ICML
2019.
"""

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics import student_t
from gmmvi_jax.numerics.forms.choice import form_of
from gmmvi_jax.numerics.forms.record import CentredPoints, Gaussian
from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.typing import Array, PRNGKey

_WIDTHS = 0x7FFFFFFF  # folded into the key of draws, beside the numbers of chunks


def whiten(gaussian: Gaussian, points: CentredPoints) -> Array:
    """Returns [D, C] the points in the coordinates where the Gaussian is standard normal."""
    return form_of(gaussian).whiten(gaussian, points)


def log_density_from_whitened(gaussian: Gaussian, whitened: Array) -> Array:
    """Returns [C] log N(x | mean, L L^T) at points given by their whitened form [D, C]."""
    squared_norms = jnp.sum(whitened * whitened, axis=0)
    if gaussian.degrees is None:
        return log_density_at_mean(gaussian) - 0.5 * squared_norms
    log_kernel = student_t.log_kernel(squared_norms, gaussian.degrees, whitened.shape[0])
    return form_of(gaussian).log_determinant(gaussian) + log_kernel


def log_density_at_mean(gaussian: Gaussian) -> Array:
    """Returns [] log N(mean | mean, L L^T), the largest log density."""
    dim = gaussian.mean.shape[-1]
    log_determinant = form_of(gaussian).log_determinant(gaussian)
    if gaussian.degrees is None:
        return log_determinant - 0.5 * dim * LOG_TWO_PI
    return log_determinant + student_t.log_normaliser(gaussian.degrees, dim)


def weighted_by_score(block: Gaussian, log_densities: Array, values: Array) -> Array:
    """Returns [B, C] values times rho, where the score is -rho L^-T z: of a Gaussian 1.

    Of a Student-t rho is (nu + D) / (nu + |z|^2), which follows from the density.

    Args:
        block: of B components.
        log_densities: [B, C] of points; anything where the values are 0.
        values: [B, C].
    """
    if block.degrees is None:
        return values
    degrees, dim = block.degrees[:, None], block.mean.shape[-1]
    depth = jnp.maximum(jax.vmap(log_density_at_mean)(block)[:, None] - log_densities, 0.0)
    score = (1.0 + dim / degrees) * jnp.exp(-2.0 * depth / (degrees + dim))
    return jnp.where(values == 0.0, 0.0, values * score)


def noise_widths(key: PRNGKey, first: Array, gaussian: Gaussian, count: int) -> Array | float:
    """Returns [C, 1] by what normal noise of C samples of ONE component is to be multiplied.

    Args:
        key: of all samples.
        first: [] int32, number of the first of these samples, from which its own key is made.
        gaussian: the component.
        count: C.
    """
    if gaussian.degrees is None:
        return 1.0
    own = jax.random.fold_in(jax.random.fold_in(key, _WIDTHS), first)
    return student_t.noise_scale(own, jnp.broadcast_to(gaussian.degrees, count))[:, None]


def whiten_block(block: Gaussian, points: CentredPoints) -> Array:
    """Returns [B, D, C] the points in the whitened coordinates of each Gaussian of a block."""
    return jax.vmap(whiten, in_axes=(0, None))(block, points)


def block_log_densities(block: Gaussian, whitened: Array) -> Array:
    """Returns [B, C] log N(x | o) from the whitened points [B, D, C]."""
    return jax.vmap(log_density_from_whitened)(block, whitened)


def entropy(gaussian: Gaussian) -> Array:
    """Returns the differential entropy of the Gaussian with this factor, in nats."""
    dim = gaussian.mean.shape[-1]
    return 0.5 * dim * (1.0 + LOG_TWO_PI) - form_of(gaussian).log_determinant(gaussian)


def whitening_error(gaussian: Gaussian) -> Array:
    """Returns how far rounding moves a sample at most, in standard deviations.

    To first order: eps max_i sum_j |L^-1|_ij (|mean_j| + deviation_j). At 1 the Gaussian is as
    narrow as the spacing of floating-point numbers around its mean, and its samples and their
    densities are meaningless. The value does not depend on the scaling of the coordinates.
    """
    relative = form_of(gaussian).whitening_error(gaussian)
    return jnp.finfo(relative.dtype).eps * relative
