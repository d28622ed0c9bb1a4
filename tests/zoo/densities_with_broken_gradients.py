"""Densities whose values or gradients break somewhere, as people's do; u in [0, 1] shapes them."""

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.typing import Array

from .menagerie import Density, between, bowl, decades


def where_over_an_overflow(x: Array, u: Array) -> Array:
    z = decades(0.0, 3.0, u[0]) * (x[0] - between(-2.0, 2.0, u[1]))
    return bowl(x) - jnp.where(z > 20.0, z, jnp.log(1.0 + jnp.exp(z)))


def norm_at_its_zero(x: Array, u: Array) -> Array:
    return -decades(-1.0, 2.0, u[0]) * jnp.linalg.norm(x - jnp.round(u[1]))


def root_of_a_distance(x: Array, u: Array) -> Array:
    return jnp.sum(-decades(-0.5, 1.0, u[0]) * jnp.sqrt(jnp.abs(x - between(-1.0, 1.0, u[1:3]))))


def kinks(x: Array, u: Array) -> Array:
    largest = jnp.max(jnp.abs(x)) * decades(-1.0, 2.0, u[0])
    wells = jnp.minimum(-bowl(x, 3.0 * u[1], 0.3), -bowl(x, -3.0 * u[2]) + u[3])
    return -largest - wells


def rounded(x: Array, u: Array) -> Array:
    width = decades(-2.0, 1.0, u[0])
    return bowl(width * jnp.round(x / width), between(-3.0, 3.0, u[1]))


def floor_and_a_slope(x: Array, u: Array) -> Array:
    return -jnp.floor(jnp.sum(jnp.square(x)) * decades(-1.0, 1.0, u[0])) - u[1] * jnp.abs(x[0])


def steps_of_a_sign(x: Array, u: Array) -> Array:
    return 5.0 * between(-1.0, 1.0, u[0]) * jnp.sign(x[0] - u[1]) + bowl(x, 0.0, 1.0 + u[2])


def clipped(x: Array, u: Array) -> Array:
    # Flat below the clip, which is improper, and all that the run sees where it starts far off.
    return jnp.maximum(bowl(x, between(0.0, 20.0, u[0]), 0.1 + u[1]), -decades(0.0, 3.0, u[2]))


def solver_that_gives_up(x: Array, u: Array) -> Array:
    # Kepler's equation by Newton's method, NaN where a few steps were not enough.
    anomaly, eccentricity = 3.0 * x[0], jax.nn.sigmoid(x[1] + 4.0 * u[0])

    def residual(angle: Array) -> Array:
        return angle - eccentricity * jnp.sin(angle) - anomaly

    def step(_: int, angle: Array) -> Array:
        return angle - residual(angle) / (1.0 - eccentricity * jnp.cos(angle))

    angle = lax.fori_loop(0, 4, step, anomaly)
    has_converged = jnp.abs(residual(angle)) < decades(-6.0, -1.0, u[1])
    return bowl(x) - jnp.where(has_converged, jnp.square(jnp.cos(angle) - u[2]), jnp.nan)


def failing_cholesky(x: Array, u: Array) -> Array:
    covariance = jnp.array([[1.0, 0.0], [0.0, 0.1]]) + x[0] * jnp.array([[0.0, 1.0], [1.0, 0.0]])
    factor = jnp.linalg.cholesky(covariance + decades(-3.0, 1.0, u[0]) * jnp.eye(2))
    white = jax.scipy.linalg.solve_triangular(factor, jnp.stack([u[1], x[1]]), lower=True)
    return bowl(white) + bowl(x) - jnp.sum(jnp.log(jnp.diag(factor)))


def sigmoid_by_hand(x: Array, u: Array) -> Array:
    logit = decades(-1.0, 3.0, u[0]) * (x[0] + between(-2.0, 2.0, u[1]))
    share = 1.0 / (1.0 + jnp.exp(-logit))
    return u[2] * jnp.log(share) + (1.0 - u[2]) * jnp.log(1.0 - share) + bowl(x)


def zero_times_infinity(x: Array, u: Array) -> Array:
    flag = (x[1] > between(-2.0, 2.0, u[0])).astype(x.dtype)
    return bowl(x) - flag * x[1] - (1.0 - flag) * 0.0 * jnp.exp(decades(0.0, 3.0, u[1]) * x[0])


def pole(x: Array, u: Array) -> Array:
    centre = jnp.round(2.0 * u[:2]) / 2.0
    return bowl(x) - 1.9 * u[2] * jnp.log(jnp.sqrt(jnp.sum(jnp.square(x - centre))))


def stopped_gradients(x: Array, u: Array) -> Array:
    kept = lax.stop_gradient(bowl(x[1], u[0], 0.1 + u[1]))
    return bowl(x[0], 0.0, 0.1 + u[2]) + jnp.where(u[3] < 0.5, 1.0, 0.0) * kept


def gamma_without_a_guard(x: Array, u: Array) -> Array:
    return jnp.sum(4.0 * u[:2] * jnp.log(x + between(-1.0, 2.0, u[2])) - x)  # NaN below


def infinite_penalty_of_the_wrong_sign(x: Array, u: Array) -> Array:
    return jnp.where(x[0] > between(-1.0, 2.0, u[0]), jnp.inf, bowl(x))


def huge_numbers(x: Array, u: Array) -> Array:
    return bowl(x * decades(0.0, 22.0, u[0])) + decades(0.0, 8.0, u[1])


def power_of_a_negative_base(x: Array, u: Array) -> Array:
    return bowl(x) - jnp.power(x[0] + 2.0 * u[0], 0.5 + 3.0 * u[1])


def logsumexp_by_hand(x: Array, u: Array) -> Array:
    scale = decades(-2.0, 0.5, u[0])
    peaks = [jnp.exp(bowl(x, centre, scale)) for centre in (-3.0 * u[1], 3.0 * u[2], 8.0 * u[3])]
    return jnp.log(sum(peaks, start=jnp.zeros_like(x[0])))


def angle_beyond_its_range(x: Array, u: Array) -> Array:
    return bowl(x) - 10.0 * u[0] * jnp.square(jnp.arccos(decades(-1.0, 0.5, u[1]) * x[0]))


def scattered_failures(x: Array, u: Array) -> Array:
    return bowl(x) + jnp.where(jnp.sin(1e3 * x[0]) > between(-1.0, 1.0, u[0]), jnp.nan, 0.0)


def quotient_at_the_start(x: Array, u: Array) -> Array:
    return bowl(x) - u[0] * jnp.square(x[1] / (x[0] - jnp.round(u[1])))


def inverse_of_a_singular_matrix(x: Array, u: Array) -> Array:
    matrix = jnp.outer(x, x) + decades(-12.0, 0.0, u[0]) * jnp.eye(2)
    return bowl(x) - jnp.abs(jnp.linalg.solve(matrix, jnp.stack([x[1], u[1]]))[0])


def clipped_gradient(x: Array, u: Array) -> Array:
    # The value is smooth, the gradient infinite in one coordinate near a line.
    near = jnp.abs(x[0] - between(-1.0, 1.0, u[0])) < decades(-3.0, 0.0, u[1])
    return bowl(x) + jnp.where(near, 0.0, 1.0) * jnp.where(near, jnp.sqrt(jnp.abs(x[0]) * 0.0), 0.0)


DENSITIES: dict[str, Density] = {
    function.__name__: function
    for function in (
        where_over_an_overflow,
        norm_at_its_zero,
        root_of_a_distance,
        kinks,
        rounded,
        floor_and_a_slope,
        steps_of_a_sign,
        clipped,
        solver_that_gives_up,
        failing_cholesky,
        sigmoid_by_hand,
        zero_times_infinity,
        pole,
        stopped_gradients,
        gamma_without_a_guard,
        infinite_penalty_of_the_wrong_sign,
        huge_numbers,
        power_of_a_negative_base,
        logsumexp_by_hand,
        angle_beyond_its_range,
        scattered_failures,
        quotient_at_the_start,
        inverse_of_a_singular_matrix,
        clipped_gradient,
    )
}
