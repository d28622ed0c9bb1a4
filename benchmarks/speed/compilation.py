"""What a first step costs: ``python -m benchmarks.speed.compilation [--targets NAME ...]``.

``train`` of one step in a new process, without an ELBO, from the call to its return; then once more
in a second process that finds the first one's programs in JAX's persistent cache
(``JAX_COMPILATION_CACHE_DIR``). Beside it what it consists of, one after the other, measured in two
more processes: ``train`` compiles the program of ``init`` while it traces that of the steps.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.speed.workloads import BY_TARGET
from benchmarks.table import write_results

MODULE = "benchmarks.speed.compilation"
CHUNK = 25
ASKED = {"stm300": 10.0}  # seconds; 4 for the others
ASKED_OF_THE_SECOND = 1.0


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


def _in_a_new_process(measure: str, name: str, max_components: int, cache: str) -> dict[str, float]:
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": cache,
        # The default leaves programs out that took less than a second.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-m", MODULE, "--worker", measure, name, str(max_components)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        # A capacity that is refused, by name: JAX may say more behind it.
        errors = [line for line in done.stderr.splitlines() if "Error:" in line]
        raise RuntimeError(errors[-1] if errors else done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description="What a first step costs.")
    names = list(BY_TARGET)
    parser.add_argument("--targets", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--max-components", nargs="+", type=int, default=[128, 1024])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/compilation.json"))
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        measure, name, max_components = given.worker
        print(json.dumps(MEASURES[measure](name, int(max_components))))
        return
    lines = []
    for name in given.targets:
        for max_components in given.max_components:
            print(f"{name}, room for {max_components} components", flush=True)
            try:
                first, second = {}, {}
                for measure in MEASURES:
                    with tempfile.TemporaryDirectory() as cache:
                        first |= _in_a_new_process(measure, name, max_components, cache)
                        second |= _in_a_new_process(measure, name, max_components, cache)
            except RuntimeError as refusal:
                print(f"  {refusal}")
                continue
            line = {"target": name, "max_components": max_components}
            lines.append(line | {"first": first, "second": second})
            asked = ASKED.get(name, 4.0)
            for which, parts, limit in (
                ("first process", first, asked),
                ("second, cached", second, ASKED_OF_THE_SECOND),
            ):
                judged = "met" if parts["train"] <= limit else "NOT MET"
                shown = "  ".join(f"{part} {value:.2f}" for part, value in parts.items())
                print(f"  {which:<15} {shown} s; {limit:g} s {judged}", flush=True)
    write_results(given.out, lines)


if __name__ == "__main__":
    main()
