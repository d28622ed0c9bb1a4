"""Where a step's time goes.

Each module of a step is compiled and timed by itself, on the state after a few steps; beside it
stands what it has to do at least (operations of its matrix products, bytes of its arrays, read
and written once) and so the fraction of the machine's limit that it reaches. The step as one
program is timed as well: the sum of its parts is not far from it.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.speed.machine import Machine, measure_machine, median_seconds
from benchmarks.speed.step_time import workload_state
from benchmarks.speed.workloads import BY_TARGET, WARM_UP, Workload
from benchmarks.table import table_parser, write_results
from gmmvi_jax.config import Algorithm
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.chunk import run_chunk

MAX_COMPONENTS = 128
EIGENDECOMPOSITION = 9  # times D^3: tridiagonalisation, QL with vectors. Golub, Van Loan, 8.3


@dataclasses.dataclass(frozen=True)
class Part:
    """One module of a step.

    Attributes:
        name: its number in the framework and what it does.
        milliseconds: alone.
        operations: it must do.
        bytes: it must move.
    """

    name: str
    milliseconds: float
    operations: float
    bytes: float

    def fraction(self, machine: Machine) -> float:
        """Returns the share of the machine's limit that is reached."""
        least = machine.least_seconds(self.operations, self.bytes)
        return 1e3 * least / self.milliseconds


def _timed(function: Callable[..., Any], arguments: tuple, eaten: tuple[int, ...]) -> Any:
    """Returns milliseconds of a call that may overwrite some arguments, and its result."""
    compiled = jax.jit(function, donate_argnums=eaten).lower(*arguments).compile()

    def fresh() -> tuple:
        return tuple(
            jax.tree.map(jnp.copy, argument) if index in eaten else argument
            for index, argument in enumerate(arguments)
        )

    return 1e3 * median_seconds(compiled, fresh), compiled(*fresh())


def target_operations(target: Any, dim: int) -> float:
    """Returns the operations of one value with gradient, as XLA counts them."""
    point = jax.ShapeDtypeStruct((dim,), jnp.float32)
    value = jax.jit(jax.value_and_grad(lambda x: target(x)))
    costs: Any = value.lower(point).compile().cost_analysis()
    return float(costs["flops"])


def profile_step(algorithm: Algorithm, target: Any, state: TrainState) -> tuple[list[Part], float]:
    """Returns the modules of a step, and the milliseconds of the step as one program."""
    num_components, dim = int(state.mixture.num_components), state.mixture.dim
    temperature = jnp.asarray(1.0)
    key_select, key_adapt = jax.random.split(jax.random.key(1))

    draw_ms, (database, selected) = _timed(
        lambda key, mixture, database: algorithm.sample_selector(key, target, mixture, database),
        (key_select, state.mixture, state.database),
        eaten=(2,),
    )
    num_samples, num_new = int(database.batch.num_samples), int(selected.num_drawn)
    kept = database.densities if isinstance(database.densities, KeptDensities) else None

    def estimate(mixture: Any, components: Any, database: Any, buffers: Any) -> tuple:
        memory = state.memories.natural_gradient
        return algorithm.natural_gradient(
            mixture, components, memory, database, temperature, buffers
        )

    gradient_ms, (gradient, _, log_background) = _timed(
        estimate, (state.mixture, state.components, database, state.gradient), eaten=(3,)
    )
    update_ms, (mixture, components, _, _) = _timed(
        algorithm.component_updater,
        (state.mixture, state.components, state.memories.component_updater, gradient, temperature),
        eaten=(),
    )
    stepsize, _ = algorithm.weight_stepsize(
        mixture, components, state.memories.weight_stepsize, temperature
    )

    def update_weights(mixture: Any, components: Any, database: Any, background: Any) -> tuple:
        memory = state.memories.weight_updater
        mixture, components, _, after = algorithm.weight_updater(
            mixture, components, memory, database, background, stepsize, temperature
        )
        return mixture, components, after.densities  # or the window would be copied

    weights_ms, (mixture, components, _) = _timed(
        update_weights, (mixture, components, database, log_background), eaten=(2,)
    )
    newborn = algorithm.newborn(mixture)
    rest = (mixture, components, state.memories, newborn, database.archive, temperature)
    adaptation_ms, _ = _timed(
        lambda key, *rest: algorithm.component_adaptation(key, target, *rest),
        (key_adapt, *rest, state.iteration + 1),
        eaten=(),
    )
    evaluation = target_operations(target, dim)
    work = least_work(num_components, dim, num_samples, num_new, evaluation, kept)
    times = (draw_ms, gradient_ms, update_ms, weights_ms, adaptation_ms)
    parts = [Part(name, ms, *work[name]) for name, ms in zip(work, times, strict=True)]
    one = jnp.int32(1)
    chunk = run_chunk.lower(algorithm, target, state, one, 1).compile()
    whole = median_seconds(chunk, lambda: (algorithm, target, jax.tree.map(jnp.copy, state), one))
    return parts, 1e3 * whole


def least_work(
    num_components: int, dim: int, num_samples: int, num_new: int, evaluation: float, kept: Any
) -> dict[str, tuple[float, float]]:
    """Returns the operations and bytes that each module needs at least, in the order of a step.

    Args:
        num_components: K.
        dim: D.
        num_samples: of the batch.
        num_new: of them drawn in this step.
        evaluation: operations of the target and its gradient at a point.
        kept: densities of reused samples, or None.
    """
    product = 2.0 * num_samples * num_components * dim**2
    points, matrices = 4.0 * num_samples * dim, 4.0 * num_components * dim**2
    densities = 0.0
    if kept is not None:  # of what is kept under the components, and of what is new under all
        pairs = (num_samples - num_new) * num_components + num_new * float(
            kept.window.num_gaussians
        )
        densities = 2.0 * dim**2 * pairs
    num_products = 2.0 if kept is not None else 3.0  # (whiten), pull back, moments
    return {
        "3 draw, target": (num_new * (evaluation + 2.0 * dim**2) + densities, 3.0 * points),
        "1 natural gradient": (num_products * product, 2 * points + 3 * matrices),
        "4 component update": (EIGENDECOMPOSITION * num_components * dim**3.0, 5 * matrices),
        "6 weights": (product, points + matrices),
        "2 adaptation (none due)": (0.0, 0.0),
    }


def profile(workload: Workload, machine: Machine) -> dict[str, Any]:
    """Profiles and prints one workload; returns its figures."""
    algorithm, target, state = workload_state(workload, MAX_COMPONENTS)
    steps = jnp.int32(WARM_UP)
    state, _ = run_chunk(algorithm, target, state, steps, WARM_UP)
    parts, whole = profile_step(algorithm, target, state)
    dim = state.mixture.dim
    samples = int(state.database.batch.num_samples)
    print(
        f"\n{workload.target}: {workload.components} components, D {dim}, {samples:,} samples; "
        f"a step takes {whole:.1f} ms"
    )
    print(f"  {'':<24}{'ms':>9} {'GFLOP':>8} {'MB':>8} {'of the limit':>14}")
    for part in parts:
        share = f"{part.fraction(machine):.0%}" if part.operations else "-"
        print(
            f"  {part.name:<24}{part.milliseconds:>9.2f} {part.operations / 1e9:>8.3f} "
            f"{part.bytes / 1e6:>8.1f} {share:>14}"
        )
    work = Part(
        "sum",
        sum(part.milliseconds for part in parts),
        sum(part.operations for part in parts),
        sum(part.bytes for part in parts),
    )
    print(
        f"  {'sum':<24}{work.milliseconds:>9.2f} {work.operations / 1e9:>8.3f} "
        f"{work.bytes / 1e6:>8.1f} {work.fraction(machine):>14.0%}",
        flush=True,
    )
    return {
        "target": workload.target,
        "components": workload.components,
        "dim": dim,
        "samples": samples,
        "step_ms": whole,
        "parts": [
            dataclasses.asdict(part) | {"fraction": part.fraction(machine)} for part in parts
        ],
        "fraction": work.fraction(machine),
    }


def main(arguments: list[str]) -> None:
    """Profiles the workloads of the table."""
    given = table_parser("profile", __doc__, list(BY_TARGET)).parse_args(arguments)
    machine = measure_machine()
    print(
        f"Limits measured here: {machine.operations / 1e9:.0f} GFLOP/s (product of 1,500 x 1,500), "
        f"{machine.bytes / 1e9:.1f} GB/s (read and write)"
    )
    lines = [profile(BY_TARGET[name], machine) for name in given.names]
    rates = {"operations_per_second": machine.operations, "bytes_per_second": machine.bytes}
    write_results(given.out, [{"machine": rates}, *lines])
