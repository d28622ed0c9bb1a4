"""Log densities of target and mixture at a few points chosen on the host."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import evaluate_rows, full_density
from gmmvi_jax.gmm import GMM
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

_ROWS = 256  # per call: one program for any number of points
_CHUNK_ROWS = 32


class PointDensities(NamedTuple):
    """Log densities at points, as float64."""

    target: np.ndarray  # [N] log p~ / temperature; NaN where the target is NaN or +inf
    mixture: np.ndarray  # [N] log q


@jax.jit
def _block(
    gmm: GMM, log_target: LogDensity, key: PRNGKey, points: Array, num_live: Array
) -> tuple[Array, Array]:
    rows = jnp.zeros(points.shape[0], points.dtype)
    first = jnp.zeros((), jnp.int32)
    density = full_density(log_target)
    values, _ = evaluate_rows(key, density, points, first, num_live, _CHUNK_ROWS, rows, None)
    return values, jax.lax.map(gmm.log_prob, points, batch_size=_CHUNK_ROWS)


def densities_at(
    gmm: GMM,
    log_target: LogDensity,
    points: np.ndarray,
    rng_key: PRNGKey,
    temperature: float = 1.0,
) -> PointDensities:
    """Returns the log densities of target and mixture at points [N, D]; N target evaluations.

    Args:
        gmm: the mixture.
        log_target: unnormalised log density of one point [D]; its method ``full`` is used if it has
            one.
        points: [N, D].
        rng_key: for a stochastic target without ``full``.
        temperature: beta of the fit.
    """
    target, dtype = as_log_density(log_target), gmm.means.dtype
    blocks = []
    for start in range(0, len(points), _ROWS):
        block = np.asarray(points[start : start + _ROWS], dtype)
        padded = np.resize(block, (_ROWS + _CHUNK_ROWS, block.shape[1]))
        key = jax.random.fold_in(rng_key, start)
        found = _block(gmm, target, key, padded, np.int32(len(block)))
        blocks.append([np.asarray(values, float)[: len(block)] for values in found])
    if not blocks:
        return PointDensities(np.zeros(0), np.zeros(0))
    values, log_q = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return PointDensities(np.where(values == np.inf, np.nan, values) / float(temperature), log_q)
