"""Types and the shape letters used on every array of the package.

Shape letters:
    K: components. In the padded mixture K is the capacity, of which the first
        ``num_components`` slots are active; in the public ``GMM`` all are active.
    D: dimensions of the target.
    N: samples of one iteration (a buffer's capacity, of which ``num_samples`` rows are live).
    S: rows of the sample archive.
    H: iterations a component's history reaches back.
    B: components in one block.
    C: samples in one chunk.
"""

from typing import Any, Protocol, TypeAlias

import jax
import numpy as np

Array: TypeAlias = jax.Array
PRNGKey: TypeAlias = jax.Array
PyTree: TypeAlias = Any
HostArray: TypeAlias = jax.Array | np.ndarray  # made on the host, passed to compiled functions


class LogDensity(Protocol):
    """An unnormalised log density of ONE point; the library vectorises it."""

    def __call__(self, point: Array, /) -> Array:
        """Returns the log density (scalar) at ``point`` [D]."""
        ...
