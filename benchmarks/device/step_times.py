"""Part a: the step's time by the size of its blocks, for the default ACCELERATOR_CHUNK_BYTES.

The workloads are those of ``benchmarks.speed``. On the device each is timed with several
``max_chunk_bytes``; on the host's CPU with the sizes that are its default. Sizes that come to the
same blocks are one program, and measured once.
"""

import dataclasses
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import gmmvi_jax as gmmvi
from benchmarks.device.budget import Figures
from benchmarks.device.setting import DEVICE, HOST, Setting, failure
from benchmarks.speed.step_time import REPETITIONS, time_program, workload_config
from benchmarks.speed.workloads import WORKLOADS, Workload
from gmmvi_jax.config import Algorithm
from gmmvi_jax.numerics.block_sizes import BlockSizes, block_sizes
from gmmvi_jax.training.chunk import run_chunk

MAX_COMPONENTS = 128
# From 1 MiB to 1 GiB, what is likely to be good first: time may end.
BYTES = tuple(2**power for power in (24, 26, 22, 28, 20, 30))
TINY_BYTES = (2**12, 2**24, 2**26)
FIRST_SECONDS = {DEVICE: 45.0, HOST: 15.0}  # of compiling and timing, until one was measured
MAKING_A_TARGET = {"gmm100": 2.0, "stm300": 10.0}  # seconds on the host, of many matrices
CORES_PER_COMPILATION = 4


def problem_of(workload: Workload, tiny: bool) -> tuple[Workload, Any, Algorithm]:
    """Returns the workload, its target and its algorithm."""
    if not tiny:
        target, config = workload_config(workload, MAX_COMPONENTS)
        return workload, target, config.algorithm
    workload = dataclasses.replace(workload, components=3, num_steps=2)
    target, config = workload_config(workload, 8, desired_samples=10, max_database_size=100)
    return workload, target, config.algorithm


def sizes_of(algorithm: Algorithm, setting: Setting) -> list[tuple[int | None, ...]]:
    """Returns the ``max_chunk_bytes`` to measure; those that come to the same blocks together."""
    candidates: tuple[int | None, ...] = TINY_BYTES if setting.tiny else BYTES
    if setting.place == HOST:
        candidates = (None,)
    found: dict[BlockSizes, tuple[int | None, ...]] = {}
    dim, max_components = algorithm.initial_mixture.dim, algorithm.max_components
    for num_bytes in candidates:
        blocks = block_sizes(dim, max_components, num_bytes)
        found[blocks] = (*found.get(blocks, ()), num_bytes)
    return list(found.values())


def measure(setting: Setting) -> Iterator[Figures]:
    """Yields a line per workload and size."""
    expected = setting.estimate(FIRST_SECONDS[setting.place])
    for workload in WORKLOADS[:1] if setting.tiny else WORKLOADS:
        name = workload.target
        if skipped := setting.budget.refusal(name, expected + MAKING_A_TARGET.get(name, 0.0)):
            yield skipped
            continue
        workload, target, algorithm = problem_of(workload, setting.tiny)
        waiting = sizes_of(algorithm, setting)
        at_once = 1  # the first one's compilation is timed as a user has it
        while waiting:
            batch, waiting = waiting[:at_once], waiting[at_once:]
            at_once = max(1, (os.cpu_count() or 1) // CORES_PER_COMPILATION)
            shown = ", ".join(shown_bytes(size) for sizes in batch for size in sizes)
            if skipped := setting.budget.refusal(f"{name}, {shown}", expected):
                yield skipped
                continue
            start = time.perf_counter()
            yield from measure_batch(workload, target, algorithm, batch, setting.tiny)
            expected = 1.3 * (time.perf_counter() - start)


def measure_batch(
    workload: Workload,
    target: Any,
    algorithm: Algorithm,
    batch: list[tuple[int | None, ...]],
    tiny: bool,
) -> Iterator[Figures]:
    """Compiles the programs of several sizes side by side, then times one after the other."""
    algorithms = [algorithm.replace(max_chunk_bytes=sizes[0]) for sizes in batch]
    with ThreadPoolExecutor(len(batch)) as threads:
        compiled = partial(compile_programs, workload.num_steps, target)
        programs = [threads.submit(compiled, each) for each in algorithms]
    for sizes, own, program in zip(batch, algorithms, programs, strict=True):
        try:
            initial, steps, compile_seconds = program.result()
            state = initial(own, jax.random.key(0))
            repetitions = 2 if tiny else REPETITIONS
            seconds = time_program(workload, steps, own, target, state, repetitions)
        except Exception as error:  # out of memory, say: the other sizes are still of interest
            yield failure(f"{workload.target}, {shown_bytes(sizes[0])}", error)
            continue
        blocks = block_sizes(own.initial_mixture.dim, own.max_components, sizes[0])
        for num_bytes in sizes:
            yield {
                "target": workload.target,
                "max_chunk_bytes": num_bytes,
                "block": list(blocks),
                "same_program_as": sizes[0],
                "seconds": seconds,
                "compile_seconds": compile_seconds,
                "compiled_at_once": len(batch),
            }


def compile_programs(num_steps: int, target: Any, algorithm: Algorithm) -> tuple[Any, Any, float]:
    """Returns the programs of the start and of the steps, and the latter's seconds.

    Called on several threads: XLA compiles outside of Python's lock.
    """
    key = jax.random.key(0)
    initial = jax.jit(gmmvi.init).lower(algorithm, key).compile()
    state = jax.eval_shape(gmmvi.init, algorithm, key)
    lowered = run_chunk.lower(algorithm, target, state, jnp.int32(num_steps), num_steps)
    start = time.perf_counter()
    steps = lowered.compile()
    return initial, steps, time.perf_counter() - start


def shown_bytes(num_bytes: int | None) -> str:
    """Returns a size for people."""
    return "default" if num_bytes is None else f"{num_bytes / 2**20:g} MiB"
