"""From arrays of JAX to those of numpy, where a fit leaves compiled code."""

from typing import Any

import jax
import numpy as np

from gmmvi_jax.requirements import is_traced


def on_host(tree: Any) -> Any:
    """Returns a pytree of arrays in numpy.

    Raises:
        TypeError: they are traced: a fit was called inside of a transformation of JAX.
    """
    if any(map(is_traced, jax.tree.leaves(tree))):
        raise TypeError(
            "fit and train run on the host; they cannot be called inside of jax.jit, jax.vmap or "
            "jax.grad, where the density is traced. There, scan gmmvi_jax.step from "
            "gmmvi_jax.init; outside, train_many takes several runs at once."
        )
    return jax.tree.map(np.asarray, tree)
