"""Fixtures of all tests."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def float64() -> Iterator[None]:
    """Run the test in double precision."""
    with jax.enable_x64(True):
        yield
