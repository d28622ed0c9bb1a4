"""How a step's time and memory grow.

SAMTRON's step on a standard normal target (which costs next to nothing) over components K,
dimensions D, samples N and the capacity for components, the others held. The exponents are least
squares over the upper half of each axis, where constant costs matter less, beside those of the
number of operations.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.speed.machine import median_seconds
from benchmarks.speed.step_time import NEVER
from benchmarks.table import table_parser, write_results
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.training.chunk import run_chunk

WARM_UP = 2
LIMIT = 20 * 2**30  # bytes


@dataclasses.dataclass(frozen=True)
class Size:
    """Of one measurement.

    Attributes:
        components: K.
        dim: D.
        samples: N, of all components together.
        diagonal: covariances.
        capacity: most components there is room for; 0: as many as there are.
    """

    components: int
    dim: int
    samples: int
    diagonal: bool = False
    capacity: int = 0


@dataclasses.dataclass(frozen=True)
class Axis:
    """What is varied.

    Attributes:
        name: of the axis.
        varied: the field of ``Size``.
        theory: the exponent of the operations, for large sizes.
        sizes: to measure.
    """

    name: str
    varied: str
    theory: str
    sizes: tuple[Size, ...]


AXES = {
    axis.name: axis
    for axis in (
        Axis("K", "components", "1", tuple(Size(k, 20, 10_000) for k in (10, 30, 100, 300, 1000))),
        Axis(
            "D",
            "dim",
            "2 (products), 3 (eigendecompositions)",
            tuple(Size(4, d, 4_000) for d in (2, 10, 30, 100, 300, 1000)),
        ),
        Axis(
            "D-diagonal",
            "dim",
            "1",
            tuple(Size(4, d, 4_000, True) for d in (2, 10, 100, 1000, 10_000)),
        ),
        Axis(
            "capacity",
            "capacity",
            "0",
            tuple(Size(17, 31, 4_250, False, c) for c in (64, 256, 1024)),
        ),
        Axis("N", "samples", "1", tuple(Size(10, 20, n) for n in (1_000, 10_000, 100_000, 10**6))),
    )
}


def standard_normal(point: jax.Array) -> jax.Array:
    """Returns the log density without its constant."""
    return -0.5 * jnp.sum(point**2)


def compiled_step(size: Size) -> tuple[Any, Any, Any]:
    """Returns the algorithm, the target and the program of a step; nothing is allocated."""
    config = gmmvi.samtron(
        size.dim,
        prior_scale=1.0,
        num_initial_components=size.components,
        max_components=size.capacity or size.components,
        desired_samples=size.samples // size.components,
        add_iters=NEVER,
        max_database_size=1,
        diagonal=size.diagonal,
    )
    target = as_log_density(standard_normal)
    shapes = jax.eval_shape(gmmvi.init, config.algorithm, jax.random.key(0))
    one = jax.ShapeDtypeStruct((), jnp.int32)
    program = run_chunk.lower(config.algorithm, target, shapes, one, 1).compile()
    return config.algorithm, target, program


def measure(size: Size) -> dict[str, Any]:
    """Returns the seconds of a step and the bytes it needs."""
    algorithm, target, program = compiled_step(size)
    state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0))
    one = jnp.int32(1)
    for _ in range(WARM_UP):
        state, _ = program(algorithm, target, state, one)
    seconds = median_seconds(
        program, lambda: (algorithm, target, jax.tree.map(jnp.copy, state), one)
    )
    return dataclasses.asdict(size) | {"seconds": seconds, "bytes": bytes_of(program)}


def exponent(axis: Axis, rows: list[dict[str, Any]]) -> float:
    """Returns the slope of log time over log size, of the upper half of the sizes."""
    upper = rows[len(rows) // 2 :]
    sizes = [math.log(row[axis.varied]) for row in upper]
    return float(np.polyfit(sizes, [math.log(row["seconds"]) for row in upper], 1)[0])


def bytes_of(program: Any) -> int:
    """Returns the bytes of state and temporaries of a compiled step."""
    memory = program.memory_analysis()
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes


def largest_dim(components: int, samples: int, diagonal: bool) -> tuple[int, int]:
    """Returns about the largest D with which a step needs at most 20 GiB, and its bytes.

    Bytes grow with a power of D between 1 (samples, diagonal covariances) and 2 (matrices): each
    guess, of two digits, corrects the one before as if that power were 2, so that it never
    overshoots by much.
    """
    dim, fitting = 500, (0, 0)
    for _ in range(6):
        needed = bytes_of(compiled_step(Size(components, dim, samples, diagonal))[-1])
        if needed <= LIMIT and dim > fitting[0]:
            fitting = (dim, needed)
        guess = int(dim * (LIMIT / needed) ** (1.0 if diagonal else 0.5))
        guess -= guess % 10 ** (len(str(guess)) - 2)
        if guess == dim:
            break
        dim = guess
    return fitting


def largest_problems() -> Iterator[dict[str, Any]]:
    """Yields the largest D with which a step needs at most 20 GiB, by K and N."""
    print("Largest problems whose step needs at most 20 GiB, by the compiled program:")
    for components, samples, diagonal in (
        (10, 10_000, False),
        (100, 10_000, False),
        (1_000, 100_000, False),
        (100, 10_000, True),
    ):
        dim, needed = largest_dim(components, samples, diagonal)
        kind = "diagonal" if diagonal else "full"
        print(
            f"  K {components:>5,} N {samples:>7,} {kind:<8}  D {dim:>8,}"
            f"  {needed / 2**30:.1f} GiB",
            flush=True,
        )
        yield {
            "components": components,
            "samples": samples,
            "diagonal": diagonal,
            "largest_dim": dim,
            "bytes": needed,
        }


def main(arguments: list[str]) -> None:
    """Measures the axes, then the largest problems."""
    given = table_parser("scaling", __doc__, [*AXES, "memory"]).parse_args(arguments)
    lines: list[dict[str, Any]] = []
    for name in given.names:
        if name == "memory":
            lines.extend(largest_problems())
            continue
        axis = AXES[name]
        rows = []
        for size in axis.sizes:
            rows.append(measure(size))
            print(
                f"{name:<11} K {size.components:>5,} D {size.dim:>6,} N {size.samples:>9,}"
                f"  {1e3 * rows[-1]['seconds']:>10.1f} ms  {rows[-1]['bytes'] / 2**20:>8.1f} MiB",
                flush=True,
            )
        fitted = exponent(axis, rows)
        print(f"{name:<11} exponent {fitted:.2f}; of the operations {axis.theory}\n", flush=True)
        lines.append({"axis": name, "exponent": fitted, "theory": axis.theory, "rows": rows})
    write_results(given.out, lines)
