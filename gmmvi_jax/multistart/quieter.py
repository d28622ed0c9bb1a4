"""A target on minibatches, centred on what the search found where that makes it less noisy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.gmm import GMM
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

_NUM_DRAWS = 32  # whose noise is compared
_MOST_BYTES = 2**26  # of what is remembered of the rows


def quieter(
    log_target: LogDensity, gmm: GMM, key: PRNGKey
) -> tuple[LogDensity, np.ndarray | None, int]:
    """Returns the target with less noise at the draws of a mixture, if it can have that.

    Args:
        log_target: a callable pytree of one point [D].
        gmm: whose draws are to be evaluated; the centre is the mean of its heaviest component.
        key: of the draws.

    Returns:
        The target, its method ``centred`` applied if it has one and it helps; [D] the centre, None
        if it was not; and the evaluations.
    """
    own: Any = getattr(log_target, "centred", None)
    if own is None:
        return log_target, None, 0
    centre = gmm.means[jnp.argmax(gmm.log_weights)]
    if _num_bytes(jax.eval_shape(own, centre)) - _num_bytes(log_target) > _MOST_BYTES:
        return log_target, None, 0
    quiet = own(centre)
    density: Any = quiet.log_density if isinstance(quiet, PytreeTarget) else quiet
    draw_key, noise_key = jax.random.split(key)
    points = gmm.sample(draw_key, _NUM_DRAWS)
    keys = jax.random.split(noise_key, (_NUM_DRAWS, 2))
    helps = _noise(quiet, points, keys) < _noise(log_target, points, keys)
    num_evaluations = density.num_evaluations + 4 * _NUM_DRAWS
    if not helps:
        return log_target, None, num_evaluations
    return quiet, np.asarray(centre), num_evaluations


def _num_bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in map(_shape, jax.tree.leaves(tree)))


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.eval_shape(jnp.asarray, leaf)


@jax.jit
def _noise(log_target: LogDensity, points: Array, keys: PRNGKey) -> Array:
    """Returns the median over points [N, D] of the squared difference under two keys [N, 2]."""
    values = jax.vmap(jax.vmap(log_target, (None, 0)))(points, keys)
    return jnp.median(jnp.square(values[:, 0] - values[:, 1]))
