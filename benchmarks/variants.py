"""All 432 variants: state shapes kept by the step, one compilation, 30 iterations without a NaN.

``python -m benchmarks.variants [--codenames NAME ...] [--diagonal] [--reuse-ratio R] [--out FILE]``
checks each on a small target in two dimensions, prints a line for what fails and a summary, and
writes JSON. Most of the time is compilation, some 15 minutes on 2 cores. With ``--lower`` each is
lowered for cuda and tpu instead, and searched for traffic with the host.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

NUM_ITERATIONS = 30
CHUNK = 10  # iterations per compiled chunk
ACCELERATORS = ("cuda", "tpu")
HOST_TRAFFIC = ("callback", "infeed", "outfeed", "send", "recv")
BATCH = 30  # variants that a process checks before it is replaced
# Small, and such that within 30 iterations components are added, deleted and run out of room.
SIZES = {
    "prior_scale": 2.0,
    "num_initial_components": 3,
    "max_components": 6,
    "add_iters": 2,
    "del_iters": 4,
    "num_database_samples": 60,
    "num_prior_samples": 10,
    "max_database_size": 400,
    "desired_samples": 60,
}


def four_modes(x: Any) -> Any:
    """A log density with modes at (+-1, +-1), between which it is neither convex nor concave."""
    return -0.5 * ((x**2 - 1.0) ** 2).sum()


def small_config(codename: str, **settings: Any) -> Any:
    """Returns a configuration of the variant with as many of ``SIZES`` as it has."""
    import gmmvi_jax as gmmvi
    from gmmvi_jax.variants.codenames import choices_of

    names = {"prior_scale", "num_initial_components", "max_components"}
    names |= {name for choice in choices_of(codename) for name in choice.settings}
    sizes = {name: value for name, value in SIZES.items() if name in names}
    return gmmvi.from_codename(codename, 2, **sizes, **settings)


def check_shapes(codename: str, **settings: Any) -> list[str]:
    """Returns where the step changes the state's structure, shapes, dtypes or weak types.

    Nothing is compiled. Where the list is empty, one trace serves all steps.
    """
    import jax

    import gmmvi_jax as gmmvi

    algorithm = small_config(codename, **settings).algorithm
    before = jax.eval_shape(gmmvi.init, algorithm, jax.random.key(0))
    target = jax.tree_util.Partial(four_modes)
    after, _ = jax.eval_shape(gmmvi.step, algorithm, target, before)
    if jax.tree.structure(before) != jax.tree.structure(after):
        return [f"structure: {jax.tree.structure(before)} became {jax.tree.structure(after)}"]
    named = zip(jax.tree_util.tree_leaves_with_path(before), jax.tree.leaves(after), strict=True)
    return [
        f"{jax.tree_util.keystr(path)}: {was} became {now}"
        for (path, was), now in named
        if (was.shape, was.dtype, was.weak_type) != (now.shape, now.dtype, now.weak_type)
    ]


def check_lowering(codename: str, **settings: Any) -> list[str]:
    """Returns what keeps the variant's chunk from accelerators: an error, or traffic with the host.

    It is lowered for them on any machine; nothing is compiled.
    """
    import jax
    import jax.numpy as jnp
    from jax import export

    import gmmvi_jax as gmmvi
    from gmmvi_jax.training.chunk import run_chunk

    algorithm = small_config(codename, **settings).algorithm
    state = jax.eval_shape(gmmvi.init, algorithm, jax.random.key(0))
    target = jax.tree_util.Partial(four_modes)
    count = jax.ShapeDtypeStruct((), jnp.int32)
    exported = export.export(run_chunk, platforms=ACCELERATORS)
    module = exported(algorithm, target, state, count, length=CHUNK).mlir_module()
    return [f"{word} in the lowered chunk" for word in HOST_TRAFFIC if word in module]


def not_finite(state: Any, infos: list[Any]) -> Iterator[str]:
    """Yields what a run left behind that is not finite, active components alone."""
    import jax
    import numpy as np

    count = int(state.mixture.num_components)
    remembered = (state.components, state.memories)
    per_component = (state.mixture.log_weights, state.mixture.gaussians, remembered)
    active = jax.tree.map(lambda leaf: leaf[:count] if leaf.ndim else leaf, per_component)
    for name, tree in (("components", active), ("infos", infos)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if not np.all(np.isfinite(np.asarray(leaf))):
                yield f"{name}{jax.tree_util.keystr(path)} is not finite"


def check_run(codename: str, **settings: Any) -> dict[str, Any]:
    """Runs the variant for 30 iterations; returns its figures, ``failures`` among them."""
    import jax
    import jax.numpy as jnp

    import gmmvi_jax as gmmvi
    from gmmvi_jax.training.chunk import num_compilations, run_chunk

    start = time.perf_counter()
    algorithm = small_config(codename, **settings).algorithm
    target = jax.tree_util.Partial(four_modes)
    state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0))
    compiled_before = num_compilations()
    infos = []
    for _ in range(NUM_ITERATIONS // CHUNK):
        state, info = run_chunk(algorithm, target, state, jnp.asarray(CHUNK, jnp.int32), CHUNK)
        infos.append(info)
    compilations = num_compilations() - compiled_before
    failures = list(not_finite(state, infos))
    if compilations != 1:
        failures.append(f"{compilations} compilations")
    if int(state.iteration) != NUM_ITERATIONS:
        failures.append(f"stopped at iteration {int(state.iteration)}")
    return {
        "codename": codename,
        "failures": failures,
        "components": int(state.mixture.num_components),
        "added": sum(int(info.num_added.sum()) for info in infos),
        "deleted": sum(int(info.num_deleted.sum()) for info in infos),
        "rejected_updates": sum(int(info.num_rejected_updates.sum()) for info in infos),
        "evaluations": int(state.num_target_evaluations),
        "seconds": time.perf_counter() - start,
    }


def check(settings: dict[str, Any], codename: str) -> dict[str, Any]:
    """Returns the figures of a variant, with whatever is wrong under ``failures``."""
    try:
        figures = check_run(codename, **settings)
        figures["failures"] += check_shapes(codename, **settings)
    except Exception as error:  # the others are to be checked all the same
        figures = {"codename": codename, "failures": [f"{type(error).__name__}: {error}"]}
    return figures


def check_lowered(settings: dict[str, Any], codename: str) -> dict[str, Any]:
    """Returns what is wrong with a variant's lowering under ``failures``."""
    try:
        failures = check_lowering(codename, **settings)
    except Exception as error:
        failures = [f"{type(error).__name__}: {error}"]
    return {"codename": codename, "failures": failures}


def batched(names: list[str], size: int) -> Iterator[list[str]]:
    """Yields the names in lists of ``size``, the last one with the rest."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def main() -> None:
    """Checks the variants and prints what fails."""
    from gmmvi_jax.variants.codenames import codenames

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codenames", nargs="+", default=list(codenames()), metavar="NAME")
    parser.add_argument("--diagonal", action="store_true", help="diagonal covariances")
    parser.add_argument("--reuse-ratio", type=float, default=0.0, help="default: %(default)s")
    parser.add_argument(
        "--lower", action="store_true", help="only lower the chunks for accelerators"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/variants.json"))
    arguments = parser.parse_args()
    settings = {"diagonal": arguments.diagonal, "reuse_ratio": arguments.reuse_ratio}
    # Compilation is nearly all there is to do here, and a worker of one thread is enough.
    flags = "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false"
    if version("jaxlib").startswith("0.10."):  # XLA aborts on a flag it does not know
        flags += " --xla_cpu_use_fusion_emitters=false"
    os.environ.setdefault("XLA_FLAGS", flags)
    start = time.perf_counter()
    results = []
    # Fresh processes, so that jax is imported with the flags; and new ones for every batch, so that
    # compiled programs do not pile up. (max_tasks_per_child does that too, and Python 3.11
    # comes to a standstill when the processes are renewed.)
    for batch in batched(arguments.codenames, BATCH * arguments.processes):
        with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
            check_one = check_lowered if arguments.lower else check
            for figures in pool.map(partial(check_one, settings), batch):
                results.append(figures)
                for failure in figures["failures"]:
                    print(f"{figures['codename']}: {failure}", flush=True)
        print(f"{len(results)} of {len(arguments.codenames)}", file=sys.stderr, flush=True)
    num_failed = sum(bool(figures["failures"]) for figures in results)
    seconds = time.perf_counter() - start
    print(
        f"{len(results)} variants, {len(results) - num_failed} sound, {num_failed} not; "
        f"{sum(figures.get('added', 0) for figures in results)} components added, "
        f"{sum(figures.get('deleted', 0) for figures in results)} deleted, "
        f"{sum(figures.get('rejected_updates', 0) for figures in results)} updates rejected; "
        f"{seconds:.0f} s"
    )
    if arguments.lower:  # there are no figures
        sys.exit(1 if num_failed else 0)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    report = {"settings": settings, "seconds": seconds, "variants": results}
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    sys.exit(1 if num_failed else 0)


if __name__ == "__main__":
    main()
