"""What must hold of every variant: shapes the step keeps, one compilation, nothing but numbers."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

import gmmvi_jax as gmmvi
from gmmvi_jax.training.chunk import num_compilations, run_chunk
from gmmvi_jax.variants.codenames import choices_of

NUM_ITERATIONS = 30
CHUNK = 10  # iterations per compiled chunk
ACCELERATORS = ("cuda", "tpu")
HOST_TRAFFIC = ("callback", "infeed", "outfeed", "send", "recv")
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
    names = {"prior_scale", "num_initial_components", "max_components"}
    names |= {name for choice in choices_of(codename) for name in choice.settings}
    sizes = {name: value for name, value in SIZES.items() if name in names}
    return gmmvi.from_codename(codename, 2, **sizes, **settings)


def check_shapes(codename: str, **settings: Any) -> list[str]:
    """Returns where the step changes the state's structure, shapes, dtypes or weak types.

    Nothing is compiled. Where the list is empty, one trace serves all steps.
    """
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
    algorithm = small_config(codename, **settings).algorithm
    state = jax.eval_shape(gmmvi.init, algorithm, jax.random.key(0))
    target = jax.tree_util.Partial(four_modes)
    count = jax.ShapeDtypeStruct((), jnp.int32)
    exported = export.export(run_chunk, platforms=ACCELERATORS)
    module = exported(algorithm, target, state, count, length=CHUNK).mlir_module()
    return [f"{word} in the lowered chunk" for word in HOST_TRAFFIC if word in module]


def not_finite(state: Any, infos: list[Any]) -> Iterator[str]:
    """Yields what a run left behind that is not finite, active components alone."""
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
        "failures": failures,
        "components": int(state.mixture.num_components),
        "added": sum(int(info.num_added.sum()) for info in infos),
        "deleted": sum(int(info.num_deleted.sum()) for info in infos),
    }
