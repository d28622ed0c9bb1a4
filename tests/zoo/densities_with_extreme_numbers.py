"""Densities whose scales, values or tails are near the limits of floating-point numbers."""

import jax.numpy as jnp

from gmmvi_jax.typing import Array

from .menagerie import Density, bowl, decades


def linear_dependence(x: Array, u: Array) -> Array:
    """x[0] = x[1] up to a width of 1e-8 to 0.1."""
    return bowl(x[0] - x[1], 0.0, decades(-8.0, -1.0, u[0])) + bowl(x[0], u[1])


def sum_alone(x: Array, u: Array) -> Array:
    """Flat along (1, -1): the difference has no data and no prior."""
    return bowl(jnp.sum(x), u[0])


def large_constant(x: Array, u: Array) -> Array:
    """A normal distribution with a constant of 1 to 1e30, of either sign."""
    return bowl(x) + decades(0.0, 30.0, u[0]) * jnp.where(u[1] > 0.5, 1.0, -1.0)


def heavy_tails(x: Array, u: Array) -> Array:
    """A product of Student's t: infinite variance for u[0] below 0.5, no mean at 0.25 and below."""
    power = 0.55 + u[0]
    return -power * jnp.sum(jnp.log1p(jnp.square((x - u[1]) / decades(-2.0, 2.0, u[2]))))


def twelve_decades(x: Array, u: Array) -> Array:
    """Standard deviations that differ by up to 1e12."""
    ratio = decades(0.0, 6.0, u[0])
    return bowl(x * jnp.stack([ratio, 1.0 / ratio]))


def ill_conditioned(x: Array, u: Array) -> Array:
    """A rotated normal distribution whose covariance has a condition of up to 1e8."""
    angle = 2.0 * jnp.pi * u[1]
    along = x[0] * jnp.cos(angle) - x[1] * jnp.sin(angle)
    across = x[0] * jnp.sin(angle) + x[1] * jnp.cos(angle)
    return bowl(along * decades(0.0, 4.0, u[0])) + bowl(across)


def exponential_of_a_sum(x: Array, u: Array) -> Array:
    """Grows beyond all numbers, while a mixture on it stays narrow."""
    return u[0] * jnp.exp(jnp.sum(x))


def huge_curvature(x: Array, u: Array) -> Array:
    """A normal distribution with standard deviations down to 1e-15."""
    return decades(0.0, 30.0, u[0]) * bowl(x)


DENSITIES: dict[str, Density] = {
    function.__name__: function
    for function in (
        linear_dependence,
        sum_alone,
        large_constant,
        heavy_tails,
        twelve_decades,
        ill_conditioned,
        exponential_of_a_sum,
        huge_curvature,
    )
}
