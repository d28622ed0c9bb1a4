"""Weighted ridge regression of a function on quadratics, streaming over the samples.

Written for ONE component. The samples are visited chunk by chunk, and nothing of size samples x
features is held. Conjugate gradients solve the normal equations

    (sum_n w_n f_n f_n^T + ridge I) a = sum_n w_n f_n y_n,    f_n the centred features,

and apply their matrix sample by sample. With few features the preconditioner is a Cholesky
factorisation of the matrix of those samples that make up most of it. The residuals y_n - a f_n are
then recomputed and used to correct the solution (iterative refinement), so that the accuracy is
limited by the rounding of the data and not by that of the normal equations.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gmmvi_jax.numerics.conjugate_gradients import conjugate_gradients
from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.quadratic_features import (
    Quadratic,
    centred_feature_sum,
    evaluate,
    feature_rows,
    num_features,
    ravel,
    unravel,
)
from gmmvi_jax.typing import Array

Carry = TypeVar("Carry")

# The first solution and one correction. A second correction changed nothing in our experiments.
NUM_SOLVES = 2
MAX_STEPS = 100  # of conjugate gradients, per solve
# The preconditioner is the inverse of the normal matrix plus this times its mean diagonal. A
# smaller damping needs fewer steps, but with fewer samples than features it amplifies rounding
# errors in undetermined directions: from 3e-4 to 3e-2 the error fell 30-fold.
DAMPING = 0.03
PANEL = 132  # rows of the normal matrix that are one product, up to its diagonal
# With more features (full covariances: above D = 38, diagonal ones: D = 128) there is no
# preconditioner: its matrix and its factorisation would cost more than the steps that it saves.
MAX_DENSE_FEATURES, MAX_DENSE_DIAGONAL_FEATURES = 800, 256


def is_preconditioned(dim: int, diagonal: bool) -> bool:
    """Returns whether the regression is to have a preconditioner."""
    limit = MAX_DENSE_DIAGONAL_FEATURES if diagonal else MAX_DENSE_FEATURES
    return num_features(dim, diagonal) <= limit


class Chunk(NamedTuple):
    """A chunk of the samples of a regression."""

    whitened: Array  # [D, C]
    weights: Array  # [C] non-negative; they sum to one over all samples
    responses: Array  # [C] y, approximately centred


class Sweep(Protocol):
    """Visits all samples."""

    def __call__(self, visit: Callable[[Chunk, Carry], Carry], initial: Carry, /) -> Carry:
        """Folds ``visit`` over the chunks."""
        ...


def ridge_regression(
    sweep: Sweep, means: Quadratic, ridge: Array, sweep_heavy: Sweep | None
) -> Quadratic:
    """Fits a quadratic to the responses.

    Minimises sum_n w_n (y_n - c - a f(z_n))^2 + ridge |a|^2 over a and the constant c.

    Args:
        sweep: visits the samples.
        means: weighted means of the features.
        ridge: scalar.
        sweep_heavy: visits samples that make up most of the normal matrix, for a preconditioner
            that takes [M, M] numbers for M features. None: no preconditioner.

    Returns:
        The coefficients a; not finite where samples, means or ridge are not.
    """
    zero = jax.tree.map(jnp.zeros_like, means)

    def residual(solution: Quadratic) -> Quadratic:
        def visit(chunk: Chunk, total: Quadratic) -> Quadratic:
            errors = chunk.responses - evaluate(solution, chunk.whitened, means)
            return _add(total, centred_feature_sum(chunk.whitened, chunk.weights * errors, means))

        return _add(sweep(visit, zero), _scale(-ridge, solution))

    def apply_normal_matrix(vector: Quadratic) -> Quadratic:
        def visit(chunk: Chunk, total: Quadratic) -> Quadratic:
            values = evaluate(vector, chunk.whitened, means)
            return _add(total, centred_feature_sum(chunk.whitened, chunk.weights * values, means))

        return _add(sweep(visit, zero), _scale(ridge, vector))

    apply_inverse, noise = _preconditioner(sweep_heavy, means, ridge)
    tolerance = 0.25 * float(jnp.finfo(means.linear.dtype).eps) ** (1.0 / NUM_SOLVES)

    def refine(_: Array, solution: Quadratic) -> Quadratic:
        correction = conjugate_gradients(
            apply_normal_matrix,
            residual(solution),
            apply_inverse,
            tolerance=tolerance,
            max_steps=MAX_STEPS,
            lowest_curvature=noise,
        )
        return _add(solution, correction)

    return jax.lax.fori_loop(0, NUM_SOLVES, refine, zero)


def _preconditioner(
    sweep_heavy: Sweep | None, means: Quadratic, ridge: Array
) -> tuple[Callable[[Quadratic], Quadratic], Array]:
    """Returns its application, and the curvature that is rounding error; see the arguments above.

    Without one nothing is rescaled: the features are nearly uncorrelated, and rescaling them would
    change which solution has the smallest norm.
    """
    if sweep_heavy is None:
        return lambda vector: vector, jnp.zeros_like(ridge)
    matrix = normal_matrix(sweep_heavy, means)
    apply_inverse = damped_inverse(matrix, ridge)
    # The rounding error of the matrix's entries in a direction that no sample determines. The
    # preconditioner would amplify it if weights differ by many orders of magnitude.
    noise = jnp.finfo(matrix.dtype).eps * jnp.sqrt(jnp.sum(jnp.square(matrix)))
    return lambda vector: unravel(apply_inverse(ravel(vector)), means), noise


def normal_matrix(sweep: Sweep, means: Quadratic) -> Array:
    """Returns [M, M] sum_n w_n f_n f_n^T, of which the lower triangle is read."""
    size = ravel(means).shape[0]
    ends = [*range(PANEL, size, PANEL), size]

    def visit(chunk: Chunk, total: list[Array]) -> list[Array]:
        rows = feature_rows(chunk.whitened, means)
        weighted = chunk.weights * rows
        return [
            panel
            + jnp.matmul(weighted[end - panel.shape[0] : end], rows[:end].T, precision=PRECISION)
            for panel, end in zip(total, ends, strict=True)
        ]

    starts = [0, *ends[:-1]]
    empty = [
        jnp.zeros((end - start, end), means.linear.dtype)
        for start, end in zip(starts, ends, strict=True)
    ]
    panels = sweep(visit, empty)
    return jnp.concatenate(
        [jnp.pad(panel, ((0, 0), (0, size - panel.shape[1]))) for panel in panels]
    )


def damped_inverse(matrix: Array, ridge: Array) -> Callable[[Array], Array]:
    """Returns the application of (matrix + (ridge + damping) I)^-1.

    Args:
        matrix: [M, M] positive semidefinite up to rounding; its lower triangle is read.
        ridge: scalar.
    """
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    shift = ridge + DAMPING * jnp.mean(jnp.diagonal(matrix))
    factor = jnp.linalg.cholesky(matrix + shift * identity, symmetrize_input=False)
    # Inverting the factor once and multiplying is 10 times faster than solving with it.
    inverse_factor = solve_triangular(factor, identity, lower=True)

    def apply(vector: Array) -> Array:
        halfway = jnp.matmul(inverse_factor, vector, precision=PRECISION)
        return jnp.matmul(halfway, inverse_factor, precision=PRECISION)

    return apply


def _add(left: Quadratic, right: Quadratic) -> Quadratic:
    return jax.tree.map(jnp.add, left, right)


def _scale(factor: Array, vector: Quadratic) -> Quadratic:
    return jax.tree.map(lambda leaf: factor * leaf, vector)
