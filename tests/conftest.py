"""Fixtures of all tests."""

import gc
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

# Most of the tests' time is compilation: tell XLA to optimise less (set before jax is imported).
# The others are for versions that are known to have them; XLA aborts on one it does not know.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    * version("jaxlib").startswith("0.10."),
)

import jax
import pytest

from .double_precision import enable_x64

MAPS = Path("/proc/self/maps")
MANY_MAPS = 40_000  # Linux allows a process 65,530; XLA aborts where there are no more


@pytest.fixture(scope="module", autouse=True)
def few_memory_maps() -> None:
    """Drop compiled programs between files: each holds memory maps of its own."""
    if MAPS.exists() and MAPS.read_text(encoding="utf-8", errors="replace").count("\n") > MANY_MAPS:
        jax.clear_caches()
    gc.freeze()  # what earlier files left: millions of objects, searched 0.4 s long each time


@pytest.fixture
def float64() -> Iterator[None]:
    """Run the test in double precision."""
    with enable_x64(True):
        yield


@pytest.fixture(params=["full", "diagonal"])
def diagonal(request: pytest.FixtureRequest) -> bool:
    """Whether covariances are diagonal."""
    return request.param == "diagonal"
