"""Log densities of a position and a data set, and what they are of one data set."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from gmmvi_jax.densities.evaluation import has_gradient, is_stochastic
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, PyTree


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class DataTarget:
    """A log density of a position and a data set, as a function of the position.

    Attributes:
        log_density: of a position, a data set, and a key if it is stochastic; a callable pytree.
        data: the data set, a pytree of arrays.
    """

    log_density: Callable[..., Array]
    data: PyTree

    @property
    def is_stochastic(self) -> bool:
        """Whether the density takes a key."""
        return is_stochastic(self.log_density)

    @property
    def has_gradient(self) -> bool:
        """Whether the density can be differentiated."""
        return has_gradient(self.log_density)

    def __call__(self, position: PyTree, *key: Any) -> Array:
        """Returns the log density (scalar) at a position."""
        return self.log_density(position, self.data, *key)


def of_data(target: Any, data: PyTree) -> Any:
    """Returns a target with another data set.

    Args:
        target: a ``DataTarget``, or a ``PytreeTarget`` of one.
        data: the data set; None: the target's own.
    """
    if data is None:
        return target
    if isinstance(target, PytreeTarget):
        return dataclasses.replace(target, log_density=of_data(target.log_density, data))
    return DataTarget(target.log_density, data)


def of_run(target: Any, data: PyTree, index: int) -> Any:
    """Returns the target of one of several runs.

    Args:
        target: as of ``of_data``; any other where there are no data.
        data: a data set for each run, a leading axis on every leaf; None: all runs have the target.
        index: of the run.
    """
    return of_data(target, jax.tree.map(lambda leaf: leaf[index], data))
