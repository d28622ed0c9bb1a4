"""Optimal transport between two sets of samples.

Implemented here, since ott-jax 0.6 cannot compute the cost matrix in blocks of rows with jax 0.10.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpy.typing import ArrayLike

from gmmvi_jax.numerics.blocks import round_up
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.products import PRECISION, product
from gmmvi_jax.requirements import MOST_ROWS, require, require_int, require_rows
from gmmvi_jax.typing import Array, PRNGKey

_BLOCK_ROWS = 256  # rows of the cost matrix held at a time
_RELATIVE_REGULARISATION = 0.05  # of the reference's mean squared distance
_LARGEST_VIOLATION = 1e-3  # of the marginals, in total variation; the cost's error is its square
_MAX_ITERATIONS = 5000


def sinkhorn_divergence(
    samples: ArrayLike, reference: ArrayLike, regularisation: float | None = None
) -> Array:
    """Returns the debiased cost of entropic transport with squared distances; 0 for equal sets.

    Sources: Cuturi, "Sinkhorn distances", NeurIPS 2013; Feydy et al., "Interpolating between
    optimal transport and MMD using Sinkhorn divergences", AISTATS 2019: S(x, y) = OT(x, y) -
    OT(x, x) / 2 - OT(y, y) / 2. Memory: 256 rows of the cost matrix.

    Args:
        samples: [N, D].
        reference: [M, D].
        regularisation: weight of the entropy, in units of the cost; by default 5% of the
            reference's mean squared distance.

    Raises:
        ValueError: the shapes do not match, or Sinkhorn's iteration did not converge.
    """
    first, second = _checked(samples, reference)
    if regularisation is None:
        regularisation = _RELATIVE_REGULARISATION * 2.0 * float(jnp.sum(jnp.var(second, axis=0)))
    if not regularisation > 0.0:
        raise ValueError(f"regularisation is {regularisation}; it must be positive.")

    def cost(x: Array, y: Array) -> Array:
        value, violation = _entropic_cost(x, y, regularisation)
        if not float(violation) <= _LARGEST_VIOLATION:
            raise ValueError(
                f"Sinkhorn's iteration did not converge with regularisation {regularisation:.3g}; "
                f"raise it."
            )
        return value

    return cost(first, second) - 0.5 * (cost(first, first) + cost(second, second))


@jax.jit
def _entropic_cost(x: Array, y: Array, regularisation: float) -> tuple[Array, Array]:
    """Returns the cost, with the entropy relative to the marginals, and the marginals' violation.

    This is the value of the dual, mean f + mean g, with f optimal for g. The rows of the plan then
    sum to 1/N, and the sums of its columns measure convergence.
    """

    def step(loop: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        count, f, g, _ = loop
        next_g = _best_potential(y, x, f, regularisation)
        violation = 0.5 * jnp.mean(jnp.abs(jnp.expm1((g - next_g) / regularisation)))
        return count + 1, _best_potential(x, y, next_g, regularisation), next_g, violation

    def unfinished(loop: tuple[Array, Array, Array, Array]) -> Array:
        return (loop[3] > _LARGEST_VIOLATION) & (loop[0] < _MAX_ITERATIONS)

    start = jnp.zeros(len(y), y.dtype)
    f = _best_potential(x, y, start, regularisation)
    infinite = jnp.asarray(jnp.inf, y.dtype)
    loop = (jnp.zeros((), jnp.int32), f, start, infinite)
    _, f, g, violation = jax.lax.while_loop(unfinished, step, loop)
    return jnp.mean(f) + jnp.mean(g), violation


def _best_potential(
    rows: Array, columns: Array, potential: Array, regularisation: float | Array
) -> Array:
    """Returns [N] the optimal potential of ``rows``, given [M] that of ``columns``."""
    num_rows = rows.shape[0]
    padding = round_up(num_rows, _BLOCK_ROWS) - num_rows
    blocks = jnp.pad(rows, ((0, padding), (0, 0))).reshape(-1, _BLOCK_ROWS, rows.shape[1])
    squares = jnp.sum(jnp.square(columns), axis=1)

    def block_potential(block: Array) -> Array:
        products = jnp.matmul(block, columns.T, precision=PRECISION)
        costs = jnp.sum(jnp.square(block), axis=1)[:, None] + squares[None, :] - 2.0 * products
        exponents = (potential[None, :] - jnp.maximum(costs, 0.0)) / regularisation
        return -regularisation * (logsumexp(exponents, axis=1) - jnp.log(columns.shape[0]))

    return jax.lax.map(block_potential, blocks).reshape(-1)[:num_rows]


def sliced_wasserstein(
    samples: ArrayLike, reference: ArrayLike, rng_key: PRNGKey | int, num_directions: int = 500
) -> Array:
    """Returns the mean squared 2-Wasserstein distance of projections onto random directions.

    Source: Rabin, Peyre, Delon, Bernot, "Wasserstein barycenter and its application to texture
    mixing", SSVM 2011.

    Args:
        samples: [N, D].
        reference: [M, D].
        rng_key: a PRNG key, or an integer, its seed; of the directions.
        num_directions: uniform on the sphere.

    Raises:
        ValueError: the shapes do not fit.
    """
    rng_key = typed_key(rng_key)
    require_int("num_directions", num_directions, 1, MOST_ROWS)
    first, second = _checked(samples, reference)
    # Between these levels the quantile functions of both are constant.
    own, other = (np.arange(1, len(points) + 1) / len(points) for points in (first, second))
    levels = np.union1d(own, other)
    middles = levels - 0.5 * np.diff(levels, prepend=0.0)
    ranks = [jnp.asarray((middles * len(points)).astype(int)) for points in (first, second)]
    shares = jnp.asarray(np.diff(levels, prepend=0.0), first.dtype)
    directions = jax.random.normal(rng_key, (num_directions, first.shape[1]), first.dtype)
    return _mean_over_directions(first, second, directions, ranks[0], ranks[1], shares)


@jax.jit
def _mean_over_directions(
    first: Array,
    second: Array,
    directions: Array,
    first_ranks: Array,
    second_ranks: Array,
    shares: Array,
) -> Array:
    def distance(direction: Array) -> Array:
        unit = direction / jnp.linalg.norm(direction)
        first_quantiles = jnp.sort(product(first, unit))[first_ranks]
        second_quantiles = jnp.sort(product(second, unit))[second_ranks]
        return jnp.sum(shares * jnp.square(first_quantiles - second_quantiles))

    return jnp.mean(jax.lax.map(distance, directions))


def _checked(samples: ArrayLike, reference: ArrayLike) -> tuple[Array, Array]:
    """Returns both, centred on the reference's mean to reduce rounding errors."""
    first = require_rows("samples", samples)
    second = require_rows("reference", reference, first.shape[1])
    for name, points in (("samples", first), ("reference", second)):
        require(len(points) > 0, f"{name} has no rows; give at least one sample.")
    centre = second.mean(axis=0)
    return jnp.asarray(first - centre), jnp.asarray(second - centre)
