"""Part e: how many kernels a step starts, and how long the device waits between them."""

import tempfile
from collections.abc import Iterator

import jax
import jax.numpy as jnp

import gmmvi_jax as gmmvi
from benchmarks.device.budget import Figures
from benchmarks.device.setting import Setting, failure
from benchmarks.device.step_times import problem_of
from benchmarks.device.trace_events import device_work, read_trace
from benchmarks.speed.workloads import WORKLOADS, Workload
from gmmvi_jax.training.chunk import run_chunk

FIRST_SECONDS = 60.0  # of a workload, until one was measured
STEPS = 2  # the trace keeps a million events


def measure(setting: Setting) -> Iterator[Figures]:
    """Yields a line per workload."""
    expected = setting.estimate(FIRST_SECONDS)
    for workload in WORKLOADS[:1] if setting.tiny else WORKLOADS:
        if skipped := setting.budget.refusal(workload.target, expected):
            yield skipped
            continue
        start = setting.budget.left()
        try:
            yield profile(workload, setting.tiny)
        except Exception as error:  # profilers need rights and libraries that may be missing
            yield failure(workload.target, error)
        expected = start - setting.budget.left()


def profile(workload: Workload, tiny: bool) -> Figures:
    """Returns kernels per step, its milliseconds and the idle share, with default sizes."""
    workload, target, algorithm = problem_of(workload, tiny)
    state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0))
    steps = jnp.int32(STEPS)
    state, _ = run_chunk(algorithm, target, state, steps, STEPS)
    jax.block_until_ready(state)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            state, _ = run_chunk(algorithm, target, state, steps, STEPS)
            jax.block_until_ready(state)
        work = device_work(read_trace(folder))
    if work is None:
        return {"skipped": f"{workload.target}: the trace has no work of a GPU or TPU"}
    return {
        "target": workload.target,
        "kernels_per_step": work.kernels / STEPS,
        "copies_per_step": work.copies / STEPS,
        "milliseconds_per_step": work.span / STEPS / 1e3,
        "idle_share": work.idle_share,
        "longest": work.longest,
    }


def summarise(lines: list[Figures]) -> Figures:
    """Returns target -> idle share."""
    return {
        "idle_share": {line["target"]: line["idle_share"] for line in lines if "target" in line}
    }


def show(lines: list[Figures]) -> list[str]:
    """Returns the table."""
    table = ["workload        kernels/step  copies/step  ms/step (traced)  idle"]
    for line in lines:
        if "target" in line:
            table.append(
                f"{line['target']:<15} {line['kernels_per_step']:>12,.0f} "
                f"{line['copies_per_step']:>12,.0f} {line['milliseconds_per_step']:>17.2f} "
                f"{line['idle_share']:>5.0%}"
            )
    return table
