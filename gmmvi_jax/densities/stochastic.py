"""Targets whose log density is a noisy estimate."""

import dataclasses
from collections.abc import Callable
from typing import Any

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import value_and_gradient
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class StochasticTarget:
    """A log density of a point and a key, made by ``stochastic``.

    It has the optional attributes (``dim``, ``full``) that the function has.

    Attributes:
        function: of a point [D] and a key, a callable pytree.
    """

    function: LogDensity

    @property
    def is_stochastic(self) -> bool:
        """Always true: every sample has its own key."""
        return True

    def __call__(self, x: Array, key: PRNGKey) -> Array:
        """Returns the estimate of the log density (scalar) at ``x`` [D] with this key."""
        return self.function(x, key)

    def value_and_grad(self, x: Array, key: PRNGKey) -> tuple[Array, Array]:
        """Returns the estimate and its gradient [D] in ``x``, both with the same key."""
        return value_and_gradient(self.function)(x, key)

    def __getattr__(self, name: str) -> Any:
        # Called for missing attributes only. During copying ``function`` is missing too.
        if name == "function" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.function, name)


def stochastic(function: Callable[[Array, PRNGKey], Array]) -> StochasticTarget:
    """Declares a log density that takes a key and returns a noisy estimate.

    Every sample is evaluated with a new key. The estimate of the LOG density must be unbiased,
    E[f(x, key)] = log p~(x), not that of the density. For sums over data use ``minibatch``.

    Args:
        function: of one point [D] and a key, a scalar; differentiable in the point, or with a
            method ``value_and_grad(point, key)``. If it is a pytree, its data are arguments of the
            compiled program. If it has a method ``full(point)``, the ELBO is reported on that;
            otherwise on estimates like those of the training.

    Raises:
        TypeError: it cannot be called.

    Example:
        >>> import jax.numpy as jnp
        >>> target = stochastic(lambda x, key: -0.5 * jnp.sum((x - jax.random.normal(key)) ** 2))
        >>> target.is_stochastic
        True
    """
    return StochasticTarget(as_log_density(function, "function"))
