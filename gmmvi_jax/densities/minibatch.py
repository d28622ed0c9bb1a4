"""Targets whose log density sums over data, estimated from minibatches."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.centred_minibatch import CentredMinibatch, centred
from gmmvi_jax.densities.data_rows import cast, draw_rows, dtype_of, take_rows
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, PRNGKey, PyTree

_NUM_CHECKED = 8  # minibatches that ``check_sum`` compares with all data


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class MinibatchTarget:
    """A posterior whose likelihood is estimated from a minibatch; ``minibatch`` makes it.

    Attributes:
        log_likelihood: of a point [D] and rows of the data, their sum; a callable pytree.
        log_prior: of a point [D]; a callable pytree.
        data: a pytree of arrays [n, ...].
        batch_size: rows per minibatch.
    """

    log_likelihood: Callable[[Array, PyTree], Array]
    log_prior: Callable[[Array], Array]
    data: PyTree
    batch_size: int = dataclasses.field(metadata={"static": True})

    @property
    def is_stochastic(self) -> bool:
        """Always true: every sample has its own key and minibatch."""
        return True

    @property
    def num_rows(self) -> int:
        """The number of rows n of the data."""
        return np.shape(jax.tree.leaves(self.data)[0])[0]

    def __call__(self, x: Array, key: PRNGKey) -> Array:
        """Returns an estimate of log p~ at ``x`` [D] from the minibatch drawn with ``key``."""
        rows = draw_rows(key, self.num_rows, self.batch_size)
        batch = take_rows(self.data, rows, dtype_of(x))
        scale = self.num_rows / self.batch_size
        return self.log_prior(x) + scale * self.log_likelihood(x, batch)

    def full(self, x: Array) -> Array:
        """Returns log p~ at ``x`` [D] on all data."""
        dtype = dtype_of(x)
        data = jax.tree.map(lambda leaf: cast(leaf, dtype), self.data)
        return self.log_prior(x) + self.log_likelihood(x, data)

    def centred(self, point: PyTree) -> CentredMinibatch:
        """Returns the same target with less noise near a point, by a control variate.

        Takes num_rows / batch_size evaluations with gradient, and memory for D + 1 numbers per row.

        Args:
            point: [D], or a position; a mode is a good one.
        """
        return centred(self, point)

    def check_sum(self, x: PyTree) -> int:
        """Raises ValueError if the likelihood returns the mean over its rows instead of the sum.

        The scaled minibatch estimate of a mean is n / batch_size times the mean over all rows.

        Args:
            x: a point [D] (or a position) at which to evaluate the likelihood.

        Returns:
            The number of evaluations: one on all data, the others on minibatches.
        """
        factor = self.num_rows / self.batch_size
        keys = jax.random.split(jax.random.key(0), _NUM_CHECKED)
        prior, full, estimates = jax.jit(
            lambda target, x: (
                target.log_prior(x),
                target.full(x),
                jax.vmap(target, in_axes=(None, 0))(x, keys),
            )
        )(self, x)
        whole = float(full - prior)
        scaled = np.asarray(estimates - prior, float)
        error = np.std(scaled) / np.sqrt(len(scaled)) + 1e-4 * np.abs(scaled).max()
        is_factor = abs(scaled.mean() - factor * whole) < 5.0 * error
        if is_factor and abs(scaled.mean() - whole) > 10.0 * error:
            raise ValueError(
                f"log_likelihood on minibatches of {self.batch_size} rows, scaled to all "
                f"{self.num_rows}, is {factor:.3g} times the log_likelihood of all of them: it "
                f"returns the mean over the rows. Return the sum, jnp.sum instead of jnp.mean."
            )
        return 1 + _NUM_CHECKED


def minibatch(
    log_likelihood: Callable[[Array, PyTree], Array],
    log_prior: Callable[[Array], Array],
    data: PyTree,
    batch_size: int,
) -> MinibatchTarget:
    """Makes a target whose every evaluation uses a minibatch of the data.

    log p~(x) = log_prior(x) + log_likelihood(x, data) and its gradient have the unbiased estimate
    log_prior(x) + (n / batch_size) log_likelihood(x, minibatch). Every sample has its own
    minibatch, drawn by ``draw_rows``. ELBOs are reported on all data, ``full(x)``.

    Args:
        log_likelihood: of one point [D] and a minibatch (the pytree ``data`` with ``batch_size``
            rows, or all): the SUM of the rows' log likelihoods, a scalar. With ``on_pytree`` around
            the target, or a config that was made from an example, the point is a pytree.
        log_prior: of one point [D], a scalar.
        data: an array, or a pytree of arrays, of n rows each: leading axis n. They are arguments of
            the compiled program; floating-point ones are used in the dtype of the point.
        batch_size: rows per minibatch, at most n.

    Raises:
        TypeError: one of the functions cannot be called.
        ValueError: the arrays differ in their number of rows, or ``batch_size`` is not from 1 to n.

    Example:
        >>> import jax.numpy as jnp
        >>> target = minibatch(lambda x, rows: -0.5 * jnp.sum((rows - x) ** 2),
        ...                    lambda x: -0.5 * jnp.sum(x**2), jnp.zeros((100, 2)), batch_size=10)
        >>> target(jnp.zeros(2), jax.random.key(0)).shape
        ()
    """
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(data)]
    counts = {shape[0] if shape else 0 for shape in shapes}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            f"data must be arrays of one number of rows (their leading axis), got shapes {shapes}."
        )
    (num_rows,) = counts
    is_integer = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if not is_integer or not 1 <= batch_size <= num_rows:
        raise ValueError(
            f"batch_size must be an integer from 1 to {num_rows}, the number of rows of the data; "
            f"got {batch_size!r}."
        )
    if int(batch_size) ** 2 + num_rows >= 2**31:
        raise ValueError(
            f"batch_size {batch_size} of {num_rows} rows: the square of batch_size plus the number "
            f"of rows must be below {2**31}; take smaller minibatches."
        )
    return MinibatchTarget(
        log_likelihood=as_log_density(log_likelihood, "log_likelihood"),
        log_prior=as_log_density(log_prior, "log_prior"),
        data=data,
        batch_size=int(batch_size),
    )
