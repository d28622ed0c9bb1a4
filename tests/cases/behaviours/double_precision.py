"""float64: whatever can be run runs in it, throughout."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi

from ..behaviour import Behaviour, Check
from ..models import line_of_seven

_RUN = {"num_iterations": 20, "log_every": 10, "desired_samples": 40, "max_components": 5}
_VARIANTS = {"S": gmmvi.samtron, "Z": gmmvi.vips}


def _is_double(tree: Any) -> bool:
    leaves = [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype")]
    floats = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return bool(floats) and all(leaf.dtype == jnp.float64 for leaf in floats)


def _same(first: Any, second: Any) -> bool:
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def _checks() -> Iterator[Check]:
    for letter, variant in _VARIANTS.items():
        for reuse in ({}, {"reuse_ratio": 1.5}):
            config = variant(3, **_RUN, **reuse)
            what = f"{letter}{', reuse' if reuse else ''}"
            yield from _check_config(what, config)


def _check_config(what: str, config: gmmvi.Config) -> Iterator[Check]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        half = config.replace(num_iterations=config.run.num_iterations // 2)
        whole = gmmvi.train(config, line_of_seven)
        gmmvi.train(half, line_of_seven, checkpoint=path)
        rest = gmmvi.train(half, line_of_seven, initial=path)
    same = _same(rest.gmm, whole.gmm)
    yield _double(f"train, {what}", whole.state, whole.gmm)
    yield Check(f"goes on from a checkpoint bit for bit, {what}", str(same), same)
    diagnosis = whole.diagnose(num_samples=1000)
    yield _double(f"diagnose, {what}", diagnosis.elbo, diagnosis.log_z)
    many = gmmvi.train_many(config, line_of_seven, [0, 1])
    yield _double(f"train_many, {what}", many.state, many.gmms)


def _double(what: str, *trees: Any) -> Check:
    double = all(_is_double(tree) for tree in trees)
    return Check(f"{what}: float64 throughout", str(double), double)


ROWS = (Behaviour("double_precision", _checks, float64=True),)
