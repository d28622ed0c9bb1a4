"""A log density that is nothing where it is far below its summits.

The expectation of a log density under a Gaussian need not exist: that of a posterior of standard
deviations, -c / s^2 near s = 0, does not, and a few samples there decide an iteration. Hundreds of
nats below all summits there is no mass, whatever the volume: outside of the support is what it is.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp

from gmmvi_jax.densities.evaluation import has_gradient, is_stochastic
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, LogDensity

_DROP = 300.0  # nats below the lowest place of use
_DROP_PER_DIMENSION = 10.0  # more, for each of which a side may be exp(10) times as wide
_OTHER_WAYS = ("evaluate_batch", "value_and_grad", "full", "centred")  # not through a call


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Floored:
    """A log density that is -inf below a floor; it has the other attributes of the density.

    Attributes:
        log_density: of one point [D], a callable pytree.
        floor: scalar.
    """

    log_density: LogDensity
    floor: Array | float

    def __call__(self, x: Array) -> Array:
        """Returns the log density at a point [D], -inf below the floor."""
        value = self.log_density(x)
        return jnp.where(value < self.floor, -jnp.inf, value)

    def __getattr__(self, name: str) -> Any:
        """Returns the attribute of the density, such as ``log_z``."""
        if name.startswith("__") or name in ("log_density", "floor"):
            raise AttributeError(name)
        return getattr(self.log_density, name)


def floored(log_target: LogDensity, floor: float) -> Floored:
    """Returns the density with a floor."""
    return Floored(log_target, jnp.asarray(floor, jnp.result_type(float)))


def can_have_floor(log_target: Any) -> bool:
    """Returns whether a call is the only way to evaluate the density, with gradient, not noisy."""
    others = (getattr(log_target, name, None) for name in _OTHER_WAYS)
    return has_gradient(log_target) and not is_stochastic(log_target) and not any(others)


def floor_below(lowest: float, dim: int) -> float:
    """Returns the log density below which there is no mass.

    Args:
        lowest: log density of a place that has mass, as low as if its mass were spread over all of
            the prior, since the summit of a spike is high above what is as heavy, but wide; or that
            of a place from which components must find their way.
        dim: D.
    """
    return lowest - _DROP - _DROP_PER_DIMENSION * dim


def floor_of(log_target: Any) -> float | None:
    """Returns the floor of a density, None if it has none."""
    return float(log_target.floor) if isinstance(log_target, Floored) else None
