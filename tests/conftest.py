"""Fixtures of all tests."""

import os
from collections.abc import Iterator
from importlib.metadata import version

# Most of the tests' time is compilation: tell XLA to optimise less (set before jax is imported).
# The second flag is for versions that are known to have it; XLA aborts on one it does not know.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + " --xla_cpu_use_fusion_emitters=false" * version("jaxlib").startswith("0.10."),
)

import pytest

from .double_precision import enable_x64


@pytest.fixture
def float64() -> Iterator[None]:
    """Run the test in double precision."""
    with enable_x64(True):
        yield
