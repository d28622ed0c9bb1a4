"""Minibatches with a control variate: what is known at a point is not estimated anew."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from gmmvi_jax.densities.data_rows import cast, draw_rows, dtype_of, take_rows
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, PRNGKey, PyTree


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class CentredMinibatch:
    """A posterior on minibatches that estimates its rows' remainders after Taylor's first order.

    With l_i the log likelihood of row i, and t_i(x) = l_i(c) + grad l_i(c) (x - c),

        log p~(x) = log_prior(x) + sum_i t_i(x) + (n / batch_size) sum_batch (l_i(x) - t_i(x)),

    as unbiased as without t_i, and without noise at c. Source: Baker, Fearnhead, Fox, Nemeth,
    "Control variates for stochastic gradient MCMC", Statistics and Computing 2019, equation 7, here
    for values as well.

    Attributes:
        target: whose likelihood, prior, data and batch size these are, a ``MinibatchTarget``.
        centre: c, a point [D] or a position.
        values: l_i(c) [n].
        gradients: of all rows at c, each leaf with a leading axis [n].
        value: the sum of ``values``.
        gradient: the sum of ``gradients``.
    """

    target: Any
    centre: PyTree
    values: Array
    gradients: PyTree
    value: Array
    gradient: PyTree

    @property
    def is_stochastic(self) -> bool:
        """Always true: every sample has its own key and minibatch."""
        return True

    @property
    def num_evaluations(self) -> int:
        """What it took: passes over the data, in evaluations of a minibatch."""
        return math.ceil(self.target.num_rows / self.target.batch_size)

    def __call__(self, x: PyTree, key: PRNGKey) -> Array:
        """Returns an estimate of log p~ at ``x`` from the minibatch drawn with ``key``."""
        target, dtype = self.target, dtype_of(x)
        rows = draw_rows(key, target.num_rows, target.batch_size)
        scale = target.num_rows / target.batch_size
        likelihood = target.log_likelihood(x, take_rows(target.data, rows, dtype))
        known = jax.tree.map(
            lambda leaf: jnp.sum(leaf, axis=0),
            take_rows((self.values, self.gradients), rows, dtype),
        )
        remainder = likelihood - self._first_order(x, *known)
        return (
            target.log_prior(x)
            + self._first_order(x, self.value, self.gradient)
            + (scale * remainder)
        )

    def full(self, x: PyTree) -> Array:
        """Returns log p~ at ``x`` on all data."""
        return self.target.full(x)

    def _first_order(self, x: PyTree, value: Array, gradient: PyTree) -> Array:
        """Returns the sum of t_i(x) over rows, of whose l_i(c) and gradients these are the sums."""
        terms = jax.tree.map(
            lambda own, centre, slope: jnp.sum((own - centre) * slope), x, self.centre, gradient
        )
        return value + sum(jax.tree.leaves(terms))


def centred(target: Any, point: PyTree) -> CentredMinibatch:
    """Returns a ``MinibatchTarget`` with a control variate at a point [D], or a position."""
    values, gradients = _row_terms(target, point)
    value, gradient = jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), (values, gradients))
    return CentredMinibatch(target, point, values, gradients, value, gradient)


@jax.jit
def _row_terms(target: Any, point: PyTree) -> tuple[Array, PyTree]:
    """Returns the log likelihoods [n] of the rows at a point, and their gradients."""
    dtype = dtype_of(point)

    def of_row(row: PyTree) -> tuple[Array, PyTree]:
        one = jax.tree.map(lambda leaf: cast(leaf, dtype)[None], row)
        return jax.value_and_grad(target.log_likelihood)(point, one)

    data = jax.tree.map(jnp.asarray, target.data)
    return jax.lax.map(of_row, data, batch_size=target.batch_size)
