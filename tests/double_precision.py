"""Switching float64 on for a while, in whatever version of JAX."""

from contextlib import AbstractContextManager

import jax


def enable_x64(is_enabled: bool = True) -> AbstractContextManager:
    """Returns a context, of this thread alone, in which JAX knows float64 or does not."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(is_enabled)
    # JAX 0.7; later versions have taken it from there.
    from jax.experimental import enable_x64 as experimental  # pyright: ignore[reportAttributeAccessIssue]

    return experimental(is_enabled)
