"""Fixtures of all tests."""

import os
from collections.abc import Iterator

# Most of the tests' time is compilation: tell XLA to optimise less (set before jax is imported).
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import jax
import pytest


@pytest.fixture
def float64() -> Iterator[None]:
    """Run the test in double precision."""
    with jax.enable_x64(True):
        yield
