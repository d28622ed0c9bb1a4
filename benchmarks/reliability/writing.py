"""The share of a run's time that keeping it on the disk costs.

python -m benchmarks.reliability.writing
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp

import gmmvi_jax as gmmvi
from gmmvi_jax.training import keeper

NUM_PAIRS = 7


def _unit(x: jax.Array) -> jax.Array:
    return -0.5 * x @ x


def small() -> tuple[gmmvi.Config, gmmvi.GMM | None]:
    """Returns a run whose chunks take some 20 ms."""
    config = gmmvi.samtron(
        2,
        prior_scale=3.0,
        max_components=10,
        num_iterations=2_000,
        log_every=10,
        diagnostic_samples=100,
    )
    return config, None


def large() -> tuple[gmmvi.Config, gmmvi.GMM | None]:
    """Returns a run of 60 components in 50 dimensions that reuses its samples."""
    dim, num_components = 50, 60
    config = gmmvi.samtron(
        dim,
        prior_scale=3.0,
        max_components=num_components,
        num_iterations=40,
        log_every=5,
        reuse_ratio=2.0,
        diagnostic_samples=100,
    )
    means = jax.random.normal(jax.random.key(0), (num_components, dim))
    factors = jnp.broadcast_to(jnp.eye(dim), (num_components, dim, dim))
    log_weights = jnp.full(num_components, -jnp.log(num_components))
    return config, gmmvi.GMM(log_weights, means, factors)


RUNS = {"small": small, "large": large}


def _seconds(config: gmmvi.Config, initial: Any, directory: str | None) -> float:
    """Returns the time of a run from its call to the result, all programs compiled before."""
    start = time.perf_counter()
    gmmvi.train(config, _unit, initial=initial, checkpoint=directory)
    return time.perf_counter() - start


def _measure(name: str, num_pairs: int) -> dict[str, Any]:
    config, initial = RUNS[name]()
    _seconds(config, initial, None)  # compiles
    times: dict[str, list[float]] = {"without": [], "with": []}
    num_bytes, writes = 0, []
    for index in range(num_pairs):
        kinds = ("without", "with") if index % 2 == 0 else ("with", "without")
        for kind in kinds:
            with tempfile.TemporaryDirectory() as folder, _written() as seconds:
                place = str(Path(folder) / "run") if kind == "with" else None
                times[kind].append(_seconds(config, initial, place))
                if place is not None:
                    num_bytes = max(path.stat().st_size for path in Path(place).glob("snapshot-*"))
                    writes.append(list(seconds))
    ratios = [own / other for own, other in zip(times["with"], times["without"], strict=True)]
    write = median(seconds for own in writes for seconds in own)
    count = config.run.num_iterations / config.run.log_every
    return {
        "seconds_without": median(times["without"]),
        "seconds_with": median(times["with"]),
        "milliseconds_per_chunk": 1e3 * median(times["without"]) / count,
        "share_of_run": median(ratios) - 1.0,
        "lowest_share_of_run": min(ratios) - 1.0,
        "highest_share_of_run": max(ratios) - 1.0,
        "snapshots_per_run": median(map(len, writes)),
        "seconds_per_snapshot": write,
        "share_at_one_a_minute": write / 60.0,
        "snapshot_megabytes": num_bytes / 1e6,
    }


@contextmanager
def _written() -> Iterator[list[float]]:
    """Gives its block a list, to which the seconds of every write are added."""
    original, seconds = keeper.write_runs, []

    def write_runs(*arguments: Any) -> None:
        start = time.perf_counter()
        original(*arguments)
        seconds.append(time.perf_counter() - start)

    keeper.write_runs = write_runs
    try:
        yield seconds
    finally:
        keeper.write_runs = original


def measure(num_pairs: int = NUM_PAIRS) -> dict[str, Any]:
    """Returns the figures of a small, fast run and of one with a large state.

    Runs with and without ``checkpoint=`` take turns; shares are medians over the pairs, of the time
    of a run without. They have to be below 0.02.

    Args:
        num_pairs: of runs.
    """
    return {name: _measure(name, num_pairs) for name in RUNS}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
