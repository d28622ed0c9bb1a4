"""A log density that falls slowly where it is far below its summits.

The expectation of a log density under a Gaussian need not exist: that of a posterior of standard
deviations, -c / s^2 near s = 0, does not, and a few samples there decide an iteration. Hundreds of
nats below all summits there is no mass, whatever the volume, and what the density is there does not
matter, except that it should say where to go.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp

from gmmvi_jax.densities.evaluation import has_gradient, is_stochastic
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, LogDensity

_DROP = 300.0  # nats below the lowest place of use; and over which the slope halves from there
_DROP_PER_DIMENSION = 10.0  # more, for each of which a side may be exp(10) times as wide
_BOTTOM = 1e30  # nats below the level, from where on gradients may overflow
_OTHER_WAYS = ("evaluate_batch", "value_and_grad", "full", "centred")  # not through a call


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Softened:
    """A log density that falls like a logarithm below a level; the rest is as the density has it.

    Where the density is d nats below the level, this is 300 log(1 + d / 300) below it: it has the
    same gradient but for a factor 1 / (1 + d / 300). Where d is more than 1e30 it is -inf, as it is
    outside of the support.

    Attributes:
        density: of one point [D], a callable pytree.
        level: scalar.
    """

    density: LogDensity
    level: Array | float

    def __call__(self, x: Array) -> Array:
        """Returns the log density at a point [D]."""
        value = self.density(x)
        is_low = (value < self.level) & (value > self.level - _BOTTOM)
        depth = jnp.where(is_low, self.level - value, 0.0)
        high = jnp.where(value < self.level, -jnp.inf, value)
        return jnp.where(is_low, self.level - _DROP * jnp.log1p(depth / _DROP), high)

    def __getattr__(self, name: str) -> Any:
        """Returns the attribute of the density, such as ``log_z``, or a model's ``log_density``."""
        if name.startswith("__") or name in ("density", "level"):
            raise AttributeError(name)
        return getattr(self.density, name)


def softened(log_target: LogDensity, level: float) -> Softened:
    """Returns the density that is softened below a level."""
    return Softened(log_target, jnp.asarray(level, jnp.result_type(float)))


def can_be_softened(log_target: Any) -> bool:
    """Returns whether a call is the only way to evaluate the density, with gradient, not noisy."""
    others = (getattr(log_target, name, None) for name in _OTHER_WAYS)
    return has_gradient(log_target) and not is_stochastic(log_target) and not any(others)


def level_below(lowest: float, dim: int) -> float:
    """Returns the log density below which there is no mass.

    Args:
        lowest: log density of a place that has mass, as low as if its mass were spread over all of
            the prior, since the summit of a spike is high above what is as heavy, but wide.
        dim: D.
    """
    return lowest - _DROP - _DROP_PER_DIMENSION * dim


def level_of(log_target: Any) -> float | None:
    """Returns the level below which a density is softened, None if it is not."""
    return float(log_target.level) if isinstance(log_target, Softened) else None
