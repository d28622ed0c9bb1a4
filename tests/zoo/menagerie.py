"""Many densities in one callable, so that one compiled program serves all of them."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gmmvi_jax import register_pytree
from gmmvi_jax.typing import Array

DIM = 2
NUM_NUMBERS = 6  # in [0, 1], which a density makes its bounds, scales and centres of

Density = Callable[[Array, Array], Array]  # (point [2], numbers [6]) to an unnormalised log density


@register_pytree
@dataclasses.dataclass(frozen=True)
class Menagerie:
    """A density chosen by an integer; its numbers are data, like the integer."""

    numbers: Array
    index: Array
    densities: tuple[Density, ...] = dataclasses.field(metadata={"static": True})

    def __call__(self, x: Array) -> Array:
        """Returns the chosen density's logarithm at one point."""
        return lax.switch(self.index, self.densities, x, self.numbers)


def choose(zoo: dict[str, Density], name: str, numbers: list[float]) -> Menagerie:
    """Returns the density of this name with these numbers."""
    values = jnp.asarray(numbers, jnp.result_type(float))
    index = jnp.asarray(list(zoo).index(name), jnp.int32)
    return Menagerie(values, index, tuple(zoo.values()))


def between(low: float, high: float, number: Array) -> Array:
    """Returns a number in [low, high]."""
    return low + (high - low) * number


def decades(low: float, high: float, number: Array) -> Array:
    """Returns a positive number between two powers of ten."""
    return 10.0 ** between(low, high, number)


def where_inside(inside: Array, value: Array) -> Array:
    """Returns the value inside of a support, and -inf elsewhere."""
    return jnp.where(inside, value, -jnp.inf)


def bowl(x: Array, centre: Array | float = 0.0, scale: Array | float = 1.0) -> Array:
    """Returns the log density of a round Gaussian."""
    return -0.5 * jnp.sum(jnp.square((x - centre) / scale))


def share_inside(target: Menagerie, points: np.ndarray) -> float:
    """Returns the share of the points [N, 2] that have a density."""
    return float(jnp.mean(jax.vmap(target)(jnp.asarray(points)) > -jnp.inf))
