"""Optimal transport between two sets of samples, by ott-jax (the extra ``bench``)."""

import importlib
import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.typing import Array, PRNGKey

_DENSE_LIMIT = 2048  # samples; more, and the cost matrix is made in blocks of rows
_BLOCK_ROWS = 512
_RELATIVE_REGULARISATION = 0.05  # of the reference's mean squared distance: ott-jax's default


def sinkhorn_divergence(
    samples: ArrayLike, reference: ArrayLike, regularisation: float | None = None
) -> Array:
    """Returns the debiased cost of entropic transport, of squared distances: 0 for equal sets.

    Source: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn
    divergences", AISTATS 2019: S(x, y) = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2. The cost matrix is
    never held for more than 2,048 samples.

    Args:
        samples: [N, D].
        reference: [M, D].
        regularisation: weight of the entropy, in units of the cost; 5% of the reference's mean
            squared distance if not given.

    Raises:
        ImportError: ott-jax is not installed.
        ValueError: the shapes do not fit, or Sinkhorn's iteration did not converge.
    """
    _ott("ott")
    first, second = _checked(samples, reference)
    if regularisation is None:
        regularisation = _RELATIVE_REGULARISATION * 2.0 * float(jnp.sum(jnp.var(second, axis=0)))
    if not regularisation > 0.0:
        raise ValueError(f"regularisation is {regularisation}; it must be positive.")

    def cost(x: Array, y: Array) -> Array:
        block = _BLOCK_ROWS if max(len(x), len(y)) > _DENSE_LIMIT else None
        value, converged = _entropic_cost(x, y, regularisation, block)
        if not bool(converged):
            raise ValueError(
                f"Sinkhorn's iteration did not converge with regularisation {regularisation}; "
                f"raise it."
            )
        return value

    return cost(first, second) - 0.5 * (cost(first, first) + cost(second, second))


@partial(jax.jit, static_argnames="block")
def _entropic_cost(
    x: Array, y: Array, regularisation: float, block: int | None
) -> tuple[Array, Array]:
    """Returns the regularised cost, and whether the iteration converged."""
    pointcloud, linear = _ott("ott.geometry.pointcloud"), _ott("ott.solvers.linear")
    geometry = pointcloud.PointCloud(x, y, epsilon=regularisation, batch_size=block)
    outcome = linear.solve(geometry)
    return outcome.reg_ot_cost, outcome.converged


def sliced_wasserstein(
    samples: ArrayLike, reference: ArrayLike, rng_key: PRNGKey, num_directions: int = 500
) -> Array:
    """Returns the mean squared 2-Wasserstein distance of projections onto random directions.

    Args:
        samples: [N, D].
        reference: [M, D].
        rng_key: a PRNG key, of the directions.
        num_directions: uniform on the sphere.

    Raises:
        ImportError: ott-jax is not installed.
        ValueError: the shapes do not fit.
    """
    sliced = _ott("ott.tools.sliced")
    first, second = _checked(samples, reference)
    return sliced.sliced_wasserstein(first, second, rng=rng_key, n_proj=num_directions)[0]


def _ott(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            # jaxopt, which it imports, says that it is no longer maintained.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            'optimal transport needs ott-jax; install it with pip install "gmmvi_jax[bench]"'
        ) from error


def _checked(samples: ArrayLike, reference: ArrayLike) -> tuple[Array, Array]:
    """Returns both, centred on the reference's mean: distances stay, rounding errors shrink."""
    first, second = np.asarray(samples), np.asarray(reference)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(
            f"samples has shape {first.shape} and reference {second.shape}; give [N, D] and [M, D]."
        )
    centre = second.mean(axis=0)
    return jnp.asarray(first - centre), jnp.asarray(second - centre)
