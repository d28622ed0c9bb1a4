"""One run shared by 8 devices of a CPU, against the same run on one.

ELBO, number of components and evaluations after every chunk, in float32 and float64; what the
devices exchange in an iteration, read from the compiled step; and that it does not grow with the
number of samples. Seconds of a step are of devices that share two cores: they show what sharing
costs, not what it gains.
"""

import json
import math
import re
import time
from collections import Counter
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

import gmmvi_jax as gmmvi
from benchmarks.table import in_own_process, table_parser, write_results
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.init import init
from gmmvi_jax.numerics.devices import AXIS, shared
from gmmvi_jax.step import step
from gmmvi_jax.training.shared_run import everywhere

_NUM_DEVICES, _NUM_ITERATIONS, _LOG_EVERY = 8, 60, 10
_BITS = ("32", "64")
_EXCHANGE = re.compile(r"= \(?([a-z0-9]+\[.*?) (all-reduce|all-gather|all-to-all)(?:-start)?\(")
_ARRAY = re.compile(r"([a-z]+)(\d+)\[([\d,]*)\]")


# Published settings of SAMTRON, with components that come more often, and room for fewer.
# german_credit's reuse samples; on the robot some components go.
ROWS: dict[str, dict[str, Any]] = {
    "breast_cancer": {"add_iters": 10, "max_components": 40},
    "german_credit": {"add_iters": 10, "max_components": 40},
    "planar_robot_4": {"max_components": 200},
}


def exchanged(text: str) -> tuple[Counter[str], int]:
    """Returns how many exchanges of each kind a compiled program has, and their bytes."""
    counts: Counter[str] = Counter()
    num_bytes = 0
    for shapes, kind in _EXCHANGE.findall(text):
        counts[kind] += 1
        for _, bits, sizes in _ARRAY.findall(shapes):
            numbers = [int(size) for size in sizes.split(",") if size]
            num_bytes += math.prod(numbers) * int(bits) // 8
    return counts, num_bytes


def _step_text(config: gmmvi.Config, target: Any, mesh: Mesh) -> str:
    state = init(config.algorithm, jax.random.key(0), None)
    arguments = everywhere((config.algorithm, as_log_density(target), state), mesh)
    return str(jax.jit(shared(step, mesh)).lower(*arguments).compile().as_text())


def _curves(config: gmmvi.Config, target: Any, mesh: Mesh | None) -> dict[str, Any]:
    result = gmmvi.train(config, target, mesh=mesh)
    seconds = np.diff(result.history["wall_time"]) / _LOG_EVERY
    names = ("elbo", "num_components", "num_target_evaluations", "num_deleted")
    curves = {name: np.asarray(result.history[name], float).tolist() for name in names}
    return curves | {"seconds_of_a_step": float(np.median(seconds))}


def _measure(name: str, bits: str) -> dict[str, Any]:
    """Returns the figures of a row, which needs a process of its own."""
    jax.config.update("jax_num_cpu_devices", _NUM_DEVICES)
    jax.config.update("jax_enable_x64", bits == "64")
    target = gmmvi.targets.get(name)
    config = gmmvi.published_config("SAMTRON", name, num_iterations=_NUM_ITERATIONS, **ROWS[name])
    config = config.replace(log_every=_LOG_EVERY)
    mesh = Mesh(np.array(jax.devices()), (AXIS,))
    start = time.perf_counter()
    alone, together = (_curves(config, target, own) for own in (None, mesh))
    elbos = np.array([alone["elbo"], together["elbo"]])
    found: dict[str, Any] = {"target": name, "bits": bits, "alone": alone, "shared": together}
    found["largest_difference"] = float(np.max(np.abs(elbos[0] - elbos[1])))
    found["same_counts"] = all(
        alone[key] == together[key] for key in alone if key.startswith("num_")
    )
    if bits == "32":
        selector: Any = config.algorithm.sample_selector
        for factor in (1, 4):
            own = config.replace(desired_samples=factor * selector.desired_samples)
            counts, num_bytes = exchanged(_step_text(own, target, mesh))
            found[f"exchanges_{factor}"], found[f"bytes_{factor}"] = dict(counts), num_bytes
    return found | {"seconds": time.perf_counter() - start}


def main(arguments: list[str]) -> int:
    """Measures all rows."""
    parser = table_parser("sharing", __doc__, list(ROWS))
    given = parser.parse_args(arguments)
    if given.worker:
        print(json.dumps(_measure(*given.worker)))
        return 0
    runs = []
    for name in given.names:
        for bits in _BITS:
            found = in_own_process("sharing", [name, bits])
            runs.append(found)
            write_results(given.out, runs)
            print(
                f"{name}, float{bits}: ELBO differs by {found['largest_difference']:.2g} at most, "
                f"counts {'the same' if found['same_counts'] else 'NOT the same'}; K "
                f"{found['shared']['num_components'][-1]:.0f}; a step "
                f"{1e3 * found['alone']['seconds_of_a_step']:.0f} ms, shared "
                f"{1e3 * found['shared']['seconds_of_a_step']:.0f} ms",
                flush=True,
            )
            if bits == "32":
                print(
                    f"  a step exchanges {found['exchanges_1']} ({found['bytes_1']:,} bytes); of "
                    f"four times the samples {found['exchanges_4']} ({found['bytes_4']:,} bytes)",
                    flush=True,
                )
    return 0
