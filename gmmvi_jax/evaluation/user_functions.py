"""Functions of a position that users give, called under JAX's transformations."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Raises a TypeError that names the cure where a user's function cannot be traced.

    Args:
        name: of the argument.
    """
    try:
        yield
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise TypeError(
            f"{name} is called under jax.jit and jax.vmap, and cannot use NumPy, SciPy, float() or "
            f"if on its argument. Use jax.numpy in it; or call it yourself, draw by draw, on "
            f"jax.tree.map(np.asarray, result.sample(seed, count))."
        ) from error
