"""What a first step costs.

``train`` of one step in a new process, without an ELBO, from the call to its return; then once more
in a second process that finds the first one's programs in JAX's persistent cache
(``JAX_COMPILATION_CACHE_DIR``). Beside it what it consists of, one after the other, measured in two
more processes: ``train`` compiles the program of ``init`` while it traces that of the steps.
"""

import itertools
import json
import subprocess
import tempfile
import time

from benchmarks.speed.workloads import BY_TARGET
from benchmarks.table import in_own_process, table_parser, write_results

CHUNK = 25
GOALS = {"stm300": 10.0}  # seconds; 4 for the others
GOAL_OF_THE_SECOND = 1.0


def one_step_of_train(name: str, max_components: int) -> dict[str, float]:
    """Measures ``train`` in this process; importing and making the target are not in it."""
    import jax
    import jax.numpy as jnp

    import gmmvi_jax as gmmvi
    from benchmarks.speed.step_time import workload_config

    target, config = workload_config(BY_TARGET[name], max_components)
    config = config.replace(num_iterations=1, log_every=CHUNK, diagnostic_samples=0)
    jax.block_until_ready(jnp.zeros(3) + 1.0)  # the backend is up
    start = time.perf_counter()
    jax.block_until_ready(gmmvi.train(config, target).state)
    return {"train": time.perf_counter() - start}


def parts_of_a_first_step(name: str, max_components: int) -> dict[str, float]:
    """Measures in this process, one part after the other."""
    import jax
    import jax.numpy as jnp

    import gmmvi_jax as gmmvi
    from benchmarks.speed.step_time import workload_problem
    from gmmvi_jax.training.chunk import run_chunk

    algorithm, target = workload_problem(BY_TARGET[name], max_components)
    jax.block_until_ready(jnp.zeros(3) + 1.0)  # the backend is up
    clock = [time.perf_counter()]
    state = jax.block_until_ready(jax.jit(gmmvi.init)(algorithm, jax.random.key(0)))
    clock.append(time.perf_counter())
    traced = run_chunk.trace(algorithm, target, state, jnp.int32(1), CHUNK)
    clock.append(time.perf_counter())
    lowered = traced.lower()
    clock.append(time.perf_counter())
    program = lowered.compile()
    clock.append(time.perf_counter())
    state, _ = program(algorithm, target, state, jnp.int32(1))
    jax.block_until_ready(state)
    clock.append(time.perf_counter())
    names = ("init", "trace", "lower", "compile", "step")
    return {
        part: end - start for part, start, end in zip(names, clock[:-1], clock[1:], strict=True)
    }


MEASURES = {"train": one_step_of_train, "parts": parts_of_a_first_step}


def _measured(name: str, max_components: int) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the seconds of a first process and of a second one that finds its programs."""
    first, second = {}, {}
    for measure in MEASURES:
        with tempfile.TemporaryDirectory() as cache:
            environment = {
                "JAX_COMPILATION_CACHE_DIR": cache,
                # The default leaves programs out that took less than a second.
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            }
            arguments = [measure, name, str(max_components)]
            first |= in_own_process("compilation", arguments, environment)
            second |= in_own_process("compilation", arguments, environment)
    return first, second


def main(arguments: list[str]) -> None:
    """Measures and prints the table."""
    parser = table_parser("compilation", __doc__, list(BY_TARGET))
    parser.add_argument("--max-components", nargs="+", type=int, default=[128, 1024])
    given = parser.parse_args(arguments)
    if given.worker:
        measure, name, max_components = given.worker
        print(json.dumps(MEASURES[measure](name, int(max_components))))
        return
    lines = []
    for name, max_components in itertools.product(given.names, given.max_components):
        print(f"{name}, room for {max_components} components", flush=True)
        try:
            first, second = _measured(name, max_components)
        except subprocess.CalledProcessError as error:
            # A capacity that is refused, by name: JAX may say more behind it.
            named = [line for line in error.stderr.splitlines() if "Error:" in line]
            print(f"  {named[-1] if named else error.stderr}")
            continue
        line = {"target": name, "max_components": max_components}
        lines.append(line | {"first": first, "second": second})
        for which, parts, goal in (
            ("first process", first, GOALS.get(name, 4.0)),
            ("second, cached", second, GOAL_OF_THE_SECOND),
        ):
            judged = "met" if parts["train"] <= goal else "NOT MET"
            shown = "  ".join(f"{part} {value:.2f}" for part, value in parts.items())
            print(f"  {which:<15} {shown} s; {goal:g} s {judged}", flush=True)
    write_results(given.out, lines)
