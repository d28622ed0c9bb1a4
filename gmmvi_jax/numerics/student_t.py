"""The density of a multivariate Student-t distribution, given the squared Mahalanobis distance.

With degrees of freedom nu, location mu and scale matrix L L^T in D dimensions, and
s = |L^-1 (x - mu)|^2,

    log t(x) = log_kernel(s, nu, D) - sum_i log L_ii

(Kotz and Nadarajah, "Multivariate t distributions and their applications", 2004, equation 1.1).
Degrees of ``inf`` are a Gaussian, exactly. Everything here broadcasts, has the dtype of its
arguments, and has gradients that are never NaN, also at s = 0, where s overflows, and at ``inf``.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma

from gmmvi_jax.numerics.standard_normal import LOG_TWO_PI
from gmmvi_jax.typing import Array, PRNGKey

# Stirling's series of log Gamma(x), the coefficients of x^-1, x^-3, ... (NIST DLMF, 5.11.1). From
# x = _SHIFT on, what is left out is below 1e-15.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_SHIFT = 8
# Below these the series are used, which are exact to 1e-16 there.
_SMALL_RATIO, _SMALL_ARCTANH = 1e-3, 0.25
# From here on the Gamma distribution is taken for the cube of a normal one.
_LARGE_HALF = 1e4


def log_kernel(squared_norms: Array, degrees: Array, dim: int) -> Array:
    """Returns [...] the log density but for the scale: add -sum_i log L_ii.

    Args:
        squared_norms: [...] s, the squared Mahalanobis distances with the scale matrix.
        degrees: nu > 0 or inf, of a shape that broadcasts against it. What depends on nu and D
            alone is computed in this shape.
        dim: D.
    """
    # Infinite distances would make the gradients in nu NaN.
    squared = jnp.minimum(squared_norms, jnp.finfo(squared_norms.dtype).max)
    ratio = jnp.minimum(squared / degrees, jnp.finfo(squared.dtype).max)
    # (nu + D) log(1 + s / nu) = s f(s / nu) + D log(1 + s / nu), with f(w) = log(1 + w) / w from
    # its series where w is small: there nu is large, or even inf. Each branch is only shown
    # arguments of its own: the gradients of the other one overflow.
    is_small = ratio < _SMALL_RATIO
    small = jnp.where(is_small, ratio, 0.0)
    terms = 1 / 2 + small * (-1 / 3 + small * (1 / 4 - small / 5))
    log_ratio = jnp.log1p(ratio)
    large = jnp.where(is_small, 1.0, degrees) * log_ratio
    exponent = jnp.where(is_small, squared * (1.0 - small * terms), large) + dim * log_ratio
    return log_normaliser(degrees, dim) - 0.5 * exponent


def score_weight(squared_norms: Array, degrees: Array, dim: int) -> Array:
    """Returns [...] (nu + D) / (nu + s), 1 where nu is inf.

    The gradient of the log density is this weight times that of the Gaussian with the same location
    and scale; it is also the expected precision of the Gaussian of which the point is a sample,
    where the Student-t is a scale mixture of Gaussians.

    Args:
        squared_norms: [...] s; see ``log_kernel``.
        degrees: nu, of a shape that broadcasts against it.
        dim: D.
    """
    most = 0.25 * jnp.finfo(squared_norms.dtype).max  # so that no sum overflows
    is_gaussian = jnp.isinf(degrees)
    finite = jnp.minimum(jnp.where(is_gaussian, 1.0, degrees), most)
    weights = (finite + dim) / (finite + jnp.minimum(squared_norms, most))
    return jnp.where(is_gaussian, 1.0, weights)


def conditional_scale(squared_norms: Array, degrees: Array, dim: int) -> Array:
    """Returns [...] the square root of (nu + s) / (nu + D), 1 where nu is inf.

    Given D coordinates at the distance s, the factor of the others is this much wider than that of
    the Gaussian with the same location and scale, and they have nu + D degrees of freedom (Ding,
    "On the conditional distribution of the multivariate t distribution", 2016).

    Args:
        squared_norms: [...] s, of the coordinates that are given.
        degrees: nu, of a shape that broadcasts against it.
        dim: D, the number of coordinates that are given.
    """
    # Not from ``score_weight``, whose inverse has an infinite slope far away.
    most = 0.25 * jnp.finfo(squared_norms.dtype).max
    is_gaussian = jnp.isinf(degrees)
    finite = jnp.minimum(jnp.where(is_gaussian, 1.0, degrees), most)
    squares = (finite + jnp.minimum(squared_norms, most)) / (finite + dim)
    return jnp.where(is_gaussian, 1.0, jnp.sqrt(squares))


def noise_scale(key: PRNGKey, degrees: Array) -> Array:
    """Returns [...] draws of sqrt(nu / chi2), chi2 of nu degrees of freedom, 1 where nu is inf.

    Standard normal noise times one such draw per sample is Student-t noise. Draws are
    differentiable in nu. They end at where the square of a sample would overflow: in float32 at
    2e17, which a draw with 1 degree of freedom never reaches, but one in 60 with 0.1 does.

    Args:
        key: a typed PRNG key.
        degrees: [...] nu > 0, or inf.
    """
    key_gamma, key_normal = jax.random.split(key)
    half = 0.5 * degrees
    is_large = half > _LARGE_HALF
    # Of few degrees, chi2 itself underflows.
    few = jnp.where(is_large, 1.0, half)
    log_gamma = jax.random.loggamma(key_gamma, few, dtype=half.dtype)
    log_scales = 0.5 * (jnp.log(few) - log_gamma)
    # In float32 the slope of log_gamma is wrong for many degrees. The cube root of chi2 is normal
    # then (Wilson and Hilferty, "The distribution of chi-square", 1931): probabilities are off by
    # less than 6e-7.
    many = jnp.where(is_large, half, 1.0)
    normal = jax.random.normal(key_normal, half.shape, half.dtype)
    cube_root = normal / (3.0 * jnp.sqrt(many)) - 1.0 / (9.0 * many)  # less 1
    # Of one degree this could be the logarithm of a negative number.
    many_scales = -1.5 * jnp.log1p(jnp.where(is_large, cube_root, 0.0))
    largest = 0.45 * np.log(jnp.finfo(half.dtype).max)
    return jnp.exp(jnp.minimum(jnp.where(is_large, many_scales, log_scales), largest))


def log_normaliser(degrees: Array, dim: int) -> Array:
    """Returns [...] log Gamma((nu + D) / 2) - log Gamma(nu / 2) - D / 2 log(nu pi).

    Args:
        degrees: [...] nu > 0, or inf.
        dim: D.
    """
    return _excess(0.5 * degrees, 0.5 * dim) - 0.5 * dim * LOG_TWO_PI


def unit_entropy(degrees: Array, dim: int) -> Array:
    """Returns [...] the differential entropy in nats where the scale matrix is the identity.

    Args:
        degrees: [...] nu > 0, or inf.
        dim: D.
    """
    half, half_dim = 0.5 * degrees, 0.5 * dim
    is_gaussian, is_small = jnp.isinf(half), half < _SHIFT
    finite, small = jnp.where(is_gaussian, 1.0, half), jnp.where(is_small, half, 1.0)
    # The expectation of log(1 + s / nu) is psi(a + b) - psi(a), for a = nu / 2 and b = D / 2: the
    # slope of the excess, and b / a. Where a is large, the difference of the two psi cancels as
    # that of the log Gamma does; where it is small, the slope and b / a cancel.
    excess, slope = jax.jvp(lambda at: _excess(at, half_dim), (finite,), (jnp.ones_like(finite),))
    large = half_dim**2 / finite + (finite + half_dim) * slope
    psis = digamma(small + half_dim) - digamma(small)
    beyond = jnp.where(is_small, (small + half_dim) * psis - half_dim, large) - excess
    return jnp.where(is_gaussian, 0.0, beyond) + half_dim * (1.0 + LOG_TWO_PI)


def _excess(half_degrees: Array, half_dim: float) -> Array:
    """Returns [...] log Gamma(a + b) - log Gamma(a) - b log(a), 0 where a is inf.

    About b (b - 1) / (2 a) for large a, where the difference of the two log Gamma keeps no digit.
    In Stirling's formula everything large cancels on paper: with u = b / (2 a + b), such that
    log(1 + b / a) = 2 artanh(u), it is

        (b - 1) artanh(u) + b (artanh(u) / u - 1) + r(a + b) - r(a),

    where r is the series of 1 / x. That holds for large a; to get there, log Gamma(a + n) is
    log Gamma(a) + sum_i log(a + i).
    """
    steps = np.arange(_SHIFT, dtype=half_degrees.dtype).reshape(*(1,) * half_degrees.ndim, -1)
    ratios = half_dim / (half_degrees[..., None] + steps)
    from_shift = half_dim * jnp.log1p(_SHIFT / half_degrees) - jnp.sum(jnp.log1p(ratios), axis=-1)

    shifted = half_degrees + _SHIFT
    u = half_dim / (2.0 * shifted + half_dim)
    arctanh = 0.5 * jnp.log1p(half_dim / shifted)
    series = (half_dim - 1.0) * arctanh + half_dim * _relative_excess(u, arctanh)
    return from_shift + series + _stirling_rest(shifted + half_dim) - _stirling_rest(shifted)


def _relative_excess(u: Array, arctanh: Array) -> Array:
    """Returns artanh(u) / u - 1 for 0 <= u < 1, without cancellation."""
    is_small = u < _SMALL_ARCTANH
    square = jnp.square(jnp.where(is_small, u, 0.0))
    total = jnp.zeros_like(square)
    for power in range(27, 1, -2):  # u^2 / 3 + u^4 / 5 + ...
        total = square * (1.0 / power + total)
    return jnp.where(is_small, total, arctanh / jnp.where(is_small, 1.0, u) - 1.0)


def _stirling_rest(x: Array) -> Array:
    """Returns log Gamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2, for x of at least 8."""
    inverse = 1.0 / x
    square = jnp.square(inverse)
    total = jnp.zeros_like(x)
    for coefficient in reversed(_STIRLING):
        total = coefficient + square * total
    return inverse * total
