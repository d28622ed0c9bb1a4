"""Types and the shape letters used on every array of the package.

Shape letters:
    K: components. In the padded mixture K is the capacity, of which the first
        ``num_components`` slots are active; in the public ``GMM`` all are active.
    D: dimensions of the target.
    N: samples of one iteration (a buffer's capacity, of which ``num_samples`` rows are live).
    S: rows of the sample archive.
    H: iterations in a component's history.
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
    """An unnormalised log density of ONE point; the library vectorises it.

    Optional attributes of a target:

    - ``dim``: D, checked against the config's.
    - ``position`` and ``domain``: an example of the position and where it may lie, for ``fit``.
    - ``value_and_grad(point)``: used instead of autodiff.
    - ``is_stochastic = True``: the target and its ``value_and_grad`` are called with a PRNG key
      as a second argument, a new one for every sample. See ``gmmvi_jax.densities.stochastic``.
    - ``full(point)``: the log density that a stochastic target estimates; the ELBO is reported on
      it. See ``gmmvi_jax.densities.minibatch``.
    - ``centred(point)``: the same stochastic target with less noise near a point, e.g. by a
      control variate; ``fit`` uses it. It tells its ``num_evaluations``.
    - ``evaluate_batch(points, num_live, with_gradient)``: the log densities [C] of a chunk [C, D]
      and their gradients ([C, D], or None without ``with_gradient``) in one call; only the first
      ``num_live`` rows matter. See ``gmmvi_jax.densities.black_box``.
    - ``has_gradient = False``: it cannot be differentiated, and needs a zero-order estimator (Z).
    """

    # Further arguments, since a stochastic target takes a key.
    def __call__(self, point: Array, /, *args: Any, **kwargs: Any) -> Array:
        """Returns the log density (scalar) at ``point`` [D]."""
        ...
