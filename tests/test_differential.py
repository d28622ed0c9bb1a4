"""The same arrays through the published TensorFlow code (stored) and through this package.

What is compared, with which tolerance and why: ``benchmarks/differential/README.md``.
"""

import functools

import numpy as np
import pytest

from benchmarks.differential.compare import CASES, comparisons
from benchmarks.differential.reference import ANY, STORED, load, metadata, select

arrays = functools.cache(load)


@pytest.mark.parametrize(("kind", "name"), CASES, ids=[" ".join(key) for key in CASES])
def test_agrees_with_the_published_code(kind: str, name: str) -> None:
    lines = comparisons(arrays(), kind, name)
    assert lines
    assert not [str(line) for line in lines if not line.agrees]


def test_the_stored_arrays_say_where_they_come_from() -> None:
    assert STORED.stat().st_size < 1_000_000
    assert metadata(arrays())["gmmvi"] == "1.1"
    assert {"tensorflow", "tensorflow_probability", "numpy", "seed"} <= set(metadata(arrays()))


def test_the_inputs_are_hard_enough() -> None:
    full = select(arrays(), "full")
    changed = np.any(full["direct/step/factors"] != full["inputs/factors"], axis=(1, 2))
    assert changed.tolist() == [True, True, False, True, True]  # one step is rejected
    assert set(full["inputs/ages"]) > {0, 1}
    etas = full["trust_region/exact/etas"]
    assert np.any(etas == 1.0)  # a full step inside of the bound
    assert np.sum(etas > 1.0) >= 3
    stein = full["stein/plain-all_samples/hessian"]
    assert np.max(np.abs(stein - stein.transpose(0, 2, 1))) > 0.1  # theirs is not symmetric
    slight, strong = (
        full[f"more/plain-all_samples-{size}/hessian"] for size in ("slight", "strong")
    )
    assert np.max(np.abs(slight - strong)) > 0.01
    rules = select(arrays(), ANY)["component_stepsizes/improvement/stepsizes"]
    assert len(set(rules.tolist())) >= 7


@pytest.mark.parametrize("name", ["trust_region/exact/means", "iblr/step/factors"])
def test_a_difference_would_be_seen(name: str) -> None:
    changed = {key: np.copy(value) for key, value in arrays().items()}
    changed[f"diagonal/{name}"] *= 1.001
    case = "trust region" if name.startswith("trust") else "direct and iblr"
    assert any(not line.agrees for line in comparisons(changed, "diagonal", case))
