"""PRNG keys as users give them: typed, legacy, or a plain integer."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.requirements import is_traced, require_seed
from gmmvi_jax.typing import PRNGKey

_CURE = "pass jax.random.key(0), or an integer"


def subkeys(key: PRNGKey, count: int) -> list[PRNGKey]:
    """Returns independent keys; outside of jit it compiles one program for any number of them.

    Args:
        key: typed.
        count: how many.
    """
    return [jax.random.fold_in(key, index) for index in range(count)]


def host_generator(key: PRNGKey) -> np.random.Generator:
    """Returns NumPy's generator with the bits of a typed key as seed: draws need no compilation."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def typed_key(rng_key: Any) -> PRNGKey:
    """Returns the key as a typed one: an integer is its seed, legacy keys (uint32) are wrapped.

    Raises:
        TypeError: it is no key and no integer.
        ValueError: several keys, or an integer that is no seed.
    """
    if isinstance(rng_key, int | np.integer) and not isinstance(rng_key, bool):
        return jax.random.key(require_seed("rng_key", rng_key))
    if not isinstance(rng_key, jax.Array | np.ndarray):
        raise TypeError(f"rng_key must be a PRNG key, got {rng_key!r}; {_CURE}.")
    if jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key):
        if rng_key.shape != ():
            raise ValueError(f"rng_key must be one key, got keys of shape {rng_key.shape}.")
        return jnp.asarray(rng_key)
    if rng_key.dtype == jnp.uint32 and rng_key.ndim == 1:
        return jax.random.wrap_key_data(jnp.asarray(rng_key))
    if rng_key.ndim == 0 and jnp.issubdtype(rng_key.dtype, jnp.integer):
        seed = rng_key if is_traced(rng_key) else require_seed("rng_key", rng_key.item())
        return jax.random.key(seed)
    raise TypeError(
        f"rng_key must be a PRNG key, got an array of {rng_key.dtype} and shape {rng_key.shape}; "
        f"{_CURE}."
    )
