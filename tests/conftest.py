"""Fixtures of all tests."""

import gc
import os
import socket
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

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

from gmmvi_jax.training.compiled_programs import num_memory_maps

from .double_precision import enable_x64

MANY_MAPS = 40_000  # below what the library drops its programs at, with a warning


@pytest.fixture(scope="module", autouse=True)
def few_memory_maps() -> None:
    """Drop compiled programs between files: each holds memory maps of its own."""
    if num_memory_maps() > MANY_MAPS:
        jax.clear_caches()
    gc.freeze()  # what earlier files left: millions of objects, searched 0.4 s long each time


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Nothing asks the network: a connection to another machine fails the test that wants it."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        is_network = self.family in (socket.AF_INET, socket.AF_INET6)
        if is_network and not str(address[0]).startswith(("127.", "::1", "localhost")):
            raise AssertionError(f"a test connects to {address}; nothing needs the network")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


@pytest.fixture
def float64() -> Iterator[None]:
    """Run the test in double precision."""
    with enable_x64(True):
        yield


@pytest.fixture(params=["full", "diagonal"])
def diagonal(request: pytest.FixtureRequest) -> bool:
    """Whether covariances are diagonal."""
    return request.param == "diagonal"
