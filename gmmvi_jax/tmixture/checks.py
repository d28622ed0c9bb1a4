"""Checks of the arguments of a ``TMixture``, and of whether it has moments."""

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.gmm.checks import Names, check_shape
from gmmvi_jax.requirements import is_traced, require_array
from gmmvi_jax.typing import Array

NAMES = Names(
    centres="locations",
    spreads="scales",
    diagonals="squared scales",
    component="Student-t",
    of_factors="TMixture(log_weights, means, factors, degrees)",
)


def degrees_of(degrees: ArrayLike, means: Array) -> Array:
    """Returns [K] the degrees of freedom of each component, in the dtype of ``means`` [K, D].

    Raises:
        TypeError: they are no real numbers.
        ValueError: there are too few or too many, or one is not positive.
    """
    array = require_array("degrees", degrees)
    num_components = means.shape[0]
    check_shape("degrees", array, (), (num_components,))
    if not is_traced(array):
        # In the precision of the mixture, where a tiny number may be 0.
        values = np.broadcast_to(np.asarray(array.astype(means.dtype)), (num_components,))
        if not np.all(values > 0.0):
            index = int(np.argmin(values > 0.0))
            raise ValueError(
                f"degrees must be positive, got {values[index]} for component {index}; degrees of "
                "freedom of inf are a Gaussian, of 1 a Cauchy distribution"
            )
    return jnp.broadcast_to(array.astype(means.dtype), (num_components,))


def check_moment(what: str, degrees: Array, least: float, cure: str) -> None:
    """Raises a ValueError where a component has no such moment; not under a transformation.

    Args:
        what: the caller and what it returns, as the beginning of a sentence.
        degrees: [K], inf for components that do not matter.
        least: what degrees must exceed.
        cure: what to do instead.
    """
    if is_traced(degrees):
        return
    values = np.asarray(degrees)
    if np.all(values > least):
        return
    index = int(np.argmin(values > least))
    raise ValueError(
        f"{what} does not exist: component {index} has {values[index]:.6g} degrees of freedom, and "
        f"it takes more than {least:g}; {cure}"
    )
