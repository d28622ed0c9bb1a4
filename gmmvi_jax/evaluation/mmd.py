"""Maximum mean discrepancy between two sets of samples, in blocks of rows.

Source: Gretton, Borgwardt, Rasch, Schoelkopf, Smola, "A kernel two-sample test", JMLR 2012: the
biased estimate (equation 5), and the median heuristic.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.numerics.blocks import round_up
from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.requirements import require, require_host_array, require_positive, require_rows
from gmmvi_jax.typing import Array

_BLOCK_ROWS = 256  # rows of the kernel matrix held at a time
_BANDWIDTH_SAMPLES = 1000  # samples whose pairs give the medians, as in the study


def median_bandwidth(reference: ArrayLike) -> float:
    """Returns twice the median squared distance between the first 1,000 samples.

    The kernel exp(-d^T d / bandwidth) is then a Gaussian whose standard deviation is about the
    median distance.

    Args:
        reference: [N, D].
    """
    points = _first_samples(reference)
    rows, columns = np.triu_indices(len(points), 1)
    squares = np.zeros(len(rows))
    for column in points.T:
        squares += np.square(column[rows] - column[columns])
    return 2.0 * _positive(float(np.median(squares)))


def diagonal_bandwidths(reference: ArrayLike, scale: float) -> np.ndarray:
    """Returns [D] the bandwidths of the study: ``scale`` times the median squared differences.

    Args:
        reference: [N, D]; the first 1,000 are used.
        scale: alpha; the study has 20 for the logistic regressions, 6 for the planar robots.
    """
    require_positive("scale", scale)
    require(np.ndim(scale) == 0, f"scale must be a single number, got {scale!r}.")
    points = _first_samples(reference)
    rows, columns = np.triu_indices(len(points), 1)
    medians = [np.median(np.square(column[rows] - column[columns])) for column in points.T]
    return scale * np.asarray([_positive(float(median)) for median in medians])


def mmd_squared(samples: ArrayLike, reference: ArrayLike, bandwidths: ArrayLike) -> Array:
    """Returns the biased estimate of the squared maximum mean discrepancy, at least 0.

    The bias is larger for few samples. The kernel is exp(-sum_i d_i^2 / bandwidth_i). Memory: 256
    rows of the kernel matrix.

    Args:
        samples: [N, D].
        reference: [M, D].
        bandwidths: a number or [D], of squared distances; see ``median_bandwidth`` and
            ``diagonal_bandwidths``.

    Raises:
        ValueError: the shapes do not match, or a bandwidth is not positive.
    """
    samples = require_rows("samples", samples)
    reference = require_rows("reference", reference, samples.shape[1])
    bandwidths = require_host_array("bandwidths", bandwidths)
    if bandwidths.shape not in ((), reference.shape[1:]):
        raise ValueError(
            f"bandwidths must be a number or have shape {reference.shape[1:]}, got "
            f"{bandwidths.shape}."
        )
    if not np.all(bandwidths > 0.0):
        raise ValueError(f"bandwidths is {bandwidths}; all must be positive.")
    # Centred and scaled before the cast: |x - y|^2 from products then loses little precision.
    centre, scales = reference.mean(axis=0), np.sqrt(np.asarray(bandwidths))
    first, second = (jnp.asarray((points - centre) / scales) for points in (samples, reference))
    return (
        _mean_kernel(first, first)
        + _mean_kernel(second, second)
        - 2.0 * _mean_kernel(first, second)
    )


@jax.jit
def _mean_kernel(first: Array, second: Array) -> Array:
    """Returns the mean over all pairs of exp(-|x - y|^2)."""
    num_rows = first.shape[0]
    padding = round_up(num_rows, _BLOCK_ROWS) - num_rows
    live = jnp.arange(num_rows + padding, dtype=jnp.int32) < num_rows
    blocks = jnp.pad(first, ((0, padding), (0, 0))).reshape(-1, _BLOCK_ROWS, first.shape[1])
    squares = jnp.sum(jnp.square(second), axis=1)

    def block_sum(block: tuple[Array, Array]) -> Array:
        rows, live = block
        products = jnp.matmul(rows, second.T, precision=PRECISION)
        distances = jnp.sum(jnp.square(rows), axis=1)[:, None] + squares[None, :] - 2.0 * products
        means = jnp.mean(jnp.exp(-jnp.maximum(distances, 0.0)), axis=1)
        return jnp.sum(jnp.where(live, means, 0.0))

    sums = jax.lax.map(block_sum, (blocks, live.reshape(-1, _BLOCK_ROWS)))
    return jnp.sum(sums) / num_rows


def _first_samples(reference: ArrayLike) -> np.ndarray:
    points = require_rows("reference", reference)
    if len(points) < 2:
        raise ValueError(f"reference has shape {points.shape}; give [N, D] with at least 2 rows.")
    return points[:_BANDWIDTH_SAMPLES]


def _positive(median: float) -> float:
    if not median > 0.0:
        raise ValueError(
            f"reference has a median squared distance of {median}; most of its samples are equal, "
            f"so pass bandwidths explicitly."
        )
    return median
