"""Densities that are zero beyond an edge, as people write them; numbers u in [0, 1] shape them."""

import jax
import jax.numpy as jnp

from gmmvi_jax.typing import Array

from .menagerie import Density, between, bowl, decades, where_inside


def truncated_normal(x: Array, u: Array) -> Array:
    low, width = between(-3.0, 1.0, u[:2]), decades(-1.0, 1.0, u[2:4])
    inside = jnp.all((x >= low) & (x <= low + width))
    return where_inside(inside, bowl(x, between(-10.0, 10.0, u[4]), decades(-1.0, 1.0, u[5])))


def half_open_intervals(x: Array, u: Array) -> Array:
    low, width = between(-2.0, 2.0, u[:2]), decades(-1.0, 1.0, u[2:4])
    inside = jnp.all((x > low) & (x <= low + width))
    return where_inside(inside, -decades(-1.0, 2.0, u[4]) * jnp.sum(x - low))


def tiny_box(x: Array, u: Array) -> Array:
    half = decades(-6.0, -1.0, u[:2])
    return where_inside(jnp.all(jnp.abs(x - between(-0.3, 0.3, u[2:4])) <= half), 0.0 * x[0])


def far_box(x: Array, u: Array) -> Array:
    low = decades(0.0, 4.0, u[:2])
    inside = jnp.all((x >= low) & (x <= low * (1.0 + u[2])))
    return where_inside(inside, -jnp.sum(x / low))


def exponentials(x: Array, u: Array) -> Array:
    rates, low = decades(-2.0, 2.0, u[:2]), between(-2.0, 0.0, u[2:4])
    return where_inside(jnp.all(x >= low), -jnp.sum(rates * (x - low)))


def simplex(x: Array, u: Array) -> Array:
    parts = jnp.append(x, 1.0 - jnp.sum(x))
    inside = jnp.all(parts > 0.0)
    powers = between(0.2, 5.0, u[:3]) - 1.0  # below 0: the density has no bound at the edge
    return where_inside(inside, jnp.sum(powers * jnp.log(jnp.where(inside, parts, 1.0))))


def disc(x: Array, u: Array) -> Array:
    centre, radius = between(-2.0, 2.0, u[:2]), decades(-1.5, 1.0, u[2])
    inside = jnp.sum(jnp.square(x - centre)) <= radius**2
    return where_inside(inside, u[3] * bowl(x, centre + radius, radius))


def ring(x: Array, u: Array) -> Array:
    radius = jnp.sqrt(jnp.sum(jnp.square(x)) + 1e-12)
    inner = decades(-1.0, 0.6, u[0])
    outer = inner * (1.0 + decades(-1.5, 0.5, u[1]))
    return where_inside((radius > inner) & (radius < outer), u[2] * x[0])


def two_boxes(x: Array, u: Array) -> Array:
    first = jnp.all(jnp.abs(x + between(0.0, 4.0, u[0])) < decades(-1.0, 0.5, u[1]))
    second = jnp.all(jnp.abs(x - between(0.0, 4.0, u[2])) < decades(-1.0, 0.5, u[3]))
    return where_inside(first | second, jnp.where(first, -bowl(0.3 * x), 5.0 * u[4]))


def separate_intervals(x: Array, u: Array) -> Array:
    period = decades(-2.0, 0.5, u[0])
    inside = jnp.mod(x[0] / period, 1.0) < between(0.05, 0.95, u[1])
    return where_inside(inside & (jnp.abs(x[0]) < 4.0 * period), bowl(x, 0.0, 2.0))


def half_space(x: Array, u: Array) -> Array:
    angle = 2.0 * jnp.pi * u[0]
    side = x[0] * jnp.cos(angle) + x[1] * jnp.sin(angle)
    return where_inside(side > between(-2.0, 4.0, u[1]), bowl(x, 0.0, decades(-0.5, 1.0, u[2:4])))


def ordered(x: Array, u: Array) -> Array:
    return where_inside(x[0] < x[1] - between(-1.0, 2.0, u[0]), bowl(x, 4.0 * u[1], 0.2 + u[2]))


def moving_edge(x: Array, u: Array) -> Array:
    return where_inside(x[0] < jnp.exp(between(-3.0, 3.0, u[0]) * x[1]), bowl(x, 0.0, 0.3 + u[1]))


def cusp(x: Array, u: Array) -> Array:
    inside = jnp.abs(x[1]) < decades(-2.0, 1.0, u[0]) * jnp.square(x[0])
    return where_inside(inside, bowl(x, jnp.stack([3.0 * u[1], 0.0 * u[1]])))


def corner_at_the_start(x: Array, u: Array) -> Array:
    shape, rate = between(1.0, 6.0, u[:2]), decades(-1.0, 1.0, u[2:4])
    inside = jnp.all(x >= 0.0)
    logarithm = jnp.log(jnp.where(x > 0.0, x, 1e-30))
    return where_inside(inside, jnp.sum((shape - 1.0) * logarithm - rate * x))


def polytope(x: Array, u: Array) -> Array:
    angles = 2.0 * jnp.pi * (u[:5] + jnp.arange(5)) / 5.0
    normals = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
    return where_inside(jnp.all(normals @ x < decades(-1.0, 1.0, u)[:5]), -x[0])


def truncated_heavy_tail(x: Array, u: Array) -> Array:
    low, power = between(0.1, 2.0, u[0]), between(1.5, 4.0, u[1])
    inside = (x[0] > low) & (jnp.abs(x[1]) < decades(0.0, 6.0, u[2]))
    pareto = -power * jnp.log(jnp.where(inside, x[0], 1.0))
    return where_inside(inside, pareto - jnp.log1p(jnp.square(x[1] / (0.1 + u[3]))))


def chessboard(x: Array, u: Array) -> Array:
    fields = jnp.floor(x * decades(-0.5, 2.0, u[0]))
    return where_inside(jnp.mod(jnp.sum(fields), 2.0) == 0.0, bowl(x, 2.0 * u[1], 0.5 + u[2]))


def thin_curve(x: Array, u: Array) -> Array:
    width = decades(-3.0, 0.0, u[0])
    return where_inside(jnp.abs(x[1] - jnp.sin(3.0 * x[0])) < width, bowl(x, u[1], 1.5))


def arcsine(x: Array, u: Array) -> Array:
    low, high = -decades(-1.0, 1.0, u[0]), decades(-1.0, 1.0, u[1])
    inside = jnp.all((x > low) & (x < high))
    return where_inside(inside, -0.5 * jnp.sum(jnp.log((x - low) * (high - x))))


def zero_on_a_line(x: Array, u: Array) -> Array:
    # -inf at the start itself, as a logarithm says.
    return jnp.log(jnp.square(x[0] - jnp.round(u[0]))) + bowl(x, 0.0, 0.5 + u[1:3])


def uniform_by_the_library(x: Array, u: Array) -> Array:
    low, width = between(-2.0, 0.5, u[:2]), decades(-1.0, 1.0, u[2:4])
    return jnp.sum(jax.scipy.stats.uniform.logpdf(x, low, width))


def beta_and_gamma_by_the_library(x: Array, u: Array) -> Array:
    beta = jax.scipy.stats.beta.logpdf(x[0], 0.5 + 3.0 * u[0], 0.5 + 3.0 * u[1])
    return beta + jax.scipy.stats.gamma.logpdf(x[1], 0.5 + 3.0 * u[2], scale=decades(-1, 1, u[3]))


DENSITIES: dict[str, Density] = {
    function.__name__: function
    for function in (
        truncated_normal,
        half_open_intervals,
        tiny_box,
        far_box,
        exponentials,
        simplex,
        disc,
        ring,
        two_boxes,
        separate_intervals,
        half_space,
        ordered,
        moving_edge,
        cusp,
        corner_at_the_start,
        polytope,
        truncated_heavy_tail,
        chessboard,
        thin_curve,
        arcsine,
        zero_on_a_line,
        uniform_by_the_library,
        beta_and_gamma_by_the_library,
    )
}
