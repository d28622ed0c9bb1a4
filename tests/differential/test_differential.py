"""The same arrays through the published TensorFlow code (stored) and through this package.

What is compared, with which tolerance and why: ``README.md`` beside this file.
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from . import components, estimators, reuse, stepsizes, weights
from .comparison import Comparison
from .reference import ANY, KINDS, STORED, Arrays, load, metadata, select

Case = Callable[[Arrays], Iterator[Comparison]]
BY_KIND: dict[str, Case] = {
    "densities": estimators.densities,
    "background and reuse": reuse.backgrounds,
    "stein": estimators.stein_estimates,
    "more": estimators.more_estimates,
    "direct and iblr": components.plain_steps,
    "trust region": components.bounded_steps,
    "rewards": weights.rewards,
    "weights, direct": weights.plain_steps,
    "weights, trust region": weights.bounded_steps,
}
OF_ANY: dict[str, Case] = {
    "component stepsizes": stepsizes.component_rules,
    "weight stepsizes": stepsizes.weight_rules,
}
# With diagonal covariances the published MORE crashes, and nothing is stored.
CASES: dict[tuple[str, str], Case] = {
    (kind, name): case
    for kind in KINDS
    for name, case in BY_KIND.items()
    if (kind, name) != ("diagonal", "more")
} | {(ANY, name): case for name, case in OF_ANY.items()}

arrays = functools.cache(load)


def comparisons(arrays: Arrays, kind: str, name: str) -> list[Comparison]:
    return list(CASES[kind, name](select(arrays, kind)))


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
