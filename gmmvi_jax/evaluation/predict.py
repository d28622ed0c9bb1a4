"""What a function says at draws of a mixture, in bounded memory."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.evaluation.user_functions import explained
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_bool, require_function, require_int, require_num_samples
from gmmvi_jax.typing import PRNGKey, PyTree


def predict(
    posterior: Posterior,
    function: Callable[..., PyTree],
    rng_key: PRNGKey | int,
    num_samples: int,
    batch_size: int,
    with_key: bool,
) -> PyTree:
    """Returns a function's values at independent draws of a mixture; see ``TrainResult.predict``.

    Raises:
        ValueError: a number is not positive.
        TypeError: the function cannot be traced by JAX.
    """
    require_function("function", function, " of one position")
    require_bool("with_key", with_key)
    require_num_samples(num_samples)
    size = min(require_int("batch_size", batch_size, least=1), num_samples)
    key_draws, key_function = jax.random.split(typed_key(rng_key))
    points = posterior.gmm.sample(key_draws, num_samples)
    keys = jax.random.split(key_function, num_samples)

    @jax.jit
    def of_batch(points: jax.Array, keys: PRNGKey) -> PyTree:
        def of_one(point: jax.Array, key: PRNGKey) -> PyTree:
            position = posterior.position(point)
            return function(position, key) if with_key else function(position)

        return jax.vmap(of_one)(points, keys)

    batches = []
    for start in range(0, num_samples, size):
        rows = jnp.minimum(jnp.arange(start, start + size), num_samples - 1)  # one shape for all
        live = min(size, num_samples - start)
        with explained("function"):
            values = of_batch(points[rows], keys[rows])
        batches.append(jax.tree.map(lambda value, live=live: np.asarray(value)[:live], values))
    return jax.tree.map(lambda *parts: np.concatenate(parts), *batches)
