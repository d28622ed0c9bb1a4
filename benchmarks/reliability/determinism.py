"""Whether a seed gives the same bits however the run is chunked, watched, resumed or computed."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.reliability.run import CONFIG, two_modes


class _Way(NamedTuple):
    """A way to take the run.

    Attributes:
        train: returns its result.
        environment: of the process.
        num_cores: it may use, None for all.
    """

    train: Callable[[], Any]
    environment: Mapping[str, str] = MappingProxyType({})
    num_cores: int | None = None


_WAY = (
    sys.executable,
    "-c",
    "import sys; from benchmarks.reliability.determinism import print_digest as p; p(sys.argv[1])",
)


def _with(**settings: Any) -> Callable[[], Any]:
    return lambda: gmmvi.train(CONFIG.replace(**settings), two_modes)


def _resumed() -> Any:
    with tempfile.TemporaryDirectory() as directory:
        gmmvi.train(CONFIG.replace(num_iterations=4), two_modes, resume=directory)
        return gmmvi.train(CONFIG, two_modes, resume=directory)


def _among_others() -> Any:
    return gmmvi.train_many(CONFIG, two_modes, (3, CONFIG.run.seed)).run(1)


WAYS = {
    "as it is": _Way(_with()),
    "again": _Way(_with()),
    "log_every=1": _Way(_with(log_every=1)),
    "log_every=12": _Way(_with(log_every=12)),
    "diagnostic_samples=0": _Way(_with(diagnostic_samples=0)),
    "diagnostic_samples=5000": _Way(_with(diagnostic_samples=5_000)),
    "resumed": _Way(_resumed),
    "one core": _Way(_with(), num_cores=1),
    "one thread of XLA": _Way(_with(), {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}),
    "eight host devices": _Way(_with(), {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}),
    "twice the capacity": _Way(_with(max_components=16)),
    "beside another seed": _Way(_among_others),
}


def print_digest(name: str) -> None:
    """Takes the run in one way, and prints a digest of its mixture and the mixture's means."""
    gmm = WAYS[name].train().gmm
    text = hashlib.sha256()
    for leaf in (gmm.log_weights, gmm.means, gmm.factors):
        text.update(np.asarray(leaf).tobytes())
    print(text.hexdigest()[:16], *np.sort(np.asarray(gmm.means, float).ravel()))


def measure() -> list[dict[str, Any]]:
    """Returns for every way whether the mixture has the same bits, and how far its means are."""
    digests: dict[str, tuple[str, np.ndarray]] = {}
    for name, way in WAYS.items():
        code = (
            f"from benchmarks.reliability.determinism import print_digest; print_digest({name!r})"
        )
        command = [sys.executable, "-c", code]
        if way.num_cores is not None:
            command = ["taskset", "-c", "0", *command]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | way.environment
        )
        digest, *means = done.stdout.split()
        digests[name] = digest, np.array(means, float)
    first, means = digests["as it is"]
    return [
        {
            "way": name,
            "same_bits": digest == first,
            "difference": float(np.max(np.abs(own - means))) if own.shape == means.shape else None,
        }
        for name, (digest, own) in digests.items()
    ]
