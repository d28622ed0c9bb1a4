"""Many runs in one program: 100 regressions with data of their own, and 64 seeds of one density.

Seconds of ``train_many`` against those of a loop of ``train``, and against the steps alone: the
compiled chunks of one run after another, without what a run does between them. Everything is
compiled before the clock starts; what that took stands beside it. With ``--devices 2`` the runs are
also spread over as many devices of the CPU.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.table import table_parser, write_results
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.training.runs import OneRun

_NUM_ROWS, _DIM = 50, 5  # of a regression
_NUM_REGRESSIONS, _NUM_SEEDS = 100, 64


def regression(x: jax.Array, data: dict[str, jax.Array]) -> jax.Array:
    """Returns the log density (scalar) of coefficients ``x`` [5] of a logistic regression."""
    logits = data["inputs"] @ x
    fit = jnp.sum(data["labels"] * logits - jnp.logaddexp(0.0, logits))
    return fit - 0.5 * jnp.sum(x**2)


def _of_data(data: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    return regression(x, data)


def _regressions() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(_NUM_REGRESSIONS, _NUM_ROWS, _DIM)).astype(np.float32)
    slopes = rng.normal(size=(_NUM_REGRESSIONS, _DIM, 1))
    shares = 1.0 / (1.0 + np.exp(-inputs @ slopes))[..., 0]
    labels = rng.uniform(size=shares.shape) < shares
    return {"inputs": inputs, "labels": labels.astype(np.float32)}


def _clock(call: Callable[[], Any]) -> tuple[float, float]:
    """Returns seconds of the first call, which compiles, and of the fastest of three others."""
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds[0], min(seconds[1:])


def _steps_alone(config: gmmvi.Config, targets: list[Any]) -> None:
    """Takes the steps of all runs, one after another, and nothing else."""
    for seed, target in enumerate(targets):
        run = OneRun(config, as_log_density(target), jax.random.key(seed), None)
        state = run.first_state()
        for _ in range(config.run.num_iterations // config.run.log_every):
            state, _ = run.take_steps(state, config.run.log_every, [True])
        jax.block_until_ready(state)


def _measure(name: str, meshes: list[jax.sharding.Mesh]) -> list[dict[str, Any]]:
    if name == "regressions":
        config = gmmvi.samtron(
            _DIM, num_iterations=60, log_every=60, max_components=4, desired_samples=30
        )
        data = jax.tree.map(jnp.asarray, _regressions())
        rows = [jax.tree.map(lambda leaf, i=i: leaf[i], data) for i in range(_NUM_REGRESSIONS)]
        targets = [jax.tree_util.Partial(_of_data, row) for row in rows]
        many = partial(gmmvi.train_many, config, regression, range(len(rows)), data=data)
    else:
        target = gmmvi.targets.breast_cancer()
        config = gmmvi.samtron(
            target.dim, prior_scale=10.0, num_iterations=60, log_every=60, max_components=4
        )
        targets = [target] * _NUM_SEEDS
        many = partial(gmmvi.train_many, config, target, range(_NUM_SEEDS))

    def loop() -> None:
        for seed, target in enumerate(targets):
            gmmvi.train(config.replace(seed=seed), target)

    ways: dict[str, Callable[[], Any]] = {
        "steps alone": lambda: _steps_alone(config, targets),
        "train_many": many,
        "train_many, at once": partial(many, vectorized=True),
        "a loop of train": loop,
    }
    ways |= {f"train_many, {m.size} devices": partial(many, mesh=m) for m in meshes}
    runs = []
    for way, call in ways.items():
        first, seconds = _clock(call)
        runs.append({"runs": name, "way": way, "count": len(targets), "first": first})
        runs[-1]["seconds"] = seconds
        print(f"  {way:<24}{seconds:8.2f} s, the first time {first:.1f} s", flush=True)
    return runs


def main(arguments: list[str]) -> int:
    """Measures both kinds of runs."""
    parser = table_parser("many", __doc__, ["regressions", "seeds"])
    parser.add_argument("--devices", nargs="*", type=int, default=[])
    given = parser.parse_args(arguments)
    jax.config.update("jax_num_cpu_devices", max([1, *given.devices]))
    devices = np.array(jax.devices("cpu"))
    meshes = [jax.sharding.Mesh(devices[:count], ("runs",)) for count in given.devices]
    runs = []
    for name in given.names:
        print(name)
        runs += _measure(name, meshes)
        write_results(given.out, runs)
    return 0
