"""The run that faults happen to, and what it would have been without them."""

import hashlib
import json
from typing import Any

import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.digests import digests
from gmmvi_jax.typing import Array

CONFIG = gmmvi.samtron(
    2,
    prior_scale=5.0,
    max_components=8,
    reuse_ratio=2.0,
    add_iters=5,
    num_iterations=12,
    log_every=4,
    diagnostic_samples=100,
)
ZERO_ORDER = gmmvi.vips(
    2,
    prior_scale=5.0,
    max_components=4,
    desired_samples=64,
    num_database_samples=100,
    max_database_size=1_000,
    num_iterations=12,
    log_every=4,
    diagnostic_samples=0,
)


def two_modes(x: Array) -> Array:
    """Two Gaussians of the same mass."""
    return jnp.logaddexp(-0.5 * jnp.sum((x - 3.0) ** 2), -0.5 * jnp.sum((x + 3.0) ** 2))


def two_modes_in_numpy(points: np.ndarray) -> np.ndarray:
    """``two_modes`` at points [n, 2], without JAX."""
    near, far = (-0.5 * np.sum((points - centre) ** 2, axis=1) for centre in (3.0, -3.0))
    return np.logaddexp(near, far)


def digest(result: Any) -> str:
    """Returns a short text that differs where a bit of the state or of the history does.

    Args:
        result: of ``train``. Seconds of its history are left out.
    """
    return hashlib.sha256(json.dumps(digests(result)).encode()).hexdigest()[:16]
