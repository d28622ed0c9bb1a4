"""A pairwise-covering subset of the 432 variants keeps its shapes and runs; on demand all do.

Every two choices of different modules meet in one of the variants here, and each choice meets
full and diagonal covariances, reuse of samples and none. ``pytest -m exhaustive --dist load
tests/test_all_variants.py`` runs all 432, in some 25 minutes on two cores.
"""

import dataclasses
import itertools
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.registry import LETTERS
from gmmvi_jax.variants.codenames import codenames

from . import variant_checks as variants

Row: TypeAlias = tuple[Any, ...]  # seven letters, diagonal covariances, reuse ratio
LEVELS = (*LETTERS, (False, True), (0.0, 1.5))


def pairs_of(row: Row) -> set[tuple[Any, Any]]:
    """Returns every two levels that meet in a row, each with the number of its factor."""
    return set(itertools.combinations(enumerate(row), 2))


def covering_rows(candidates: list[Row]) -> list[Row]:
    """Returns rows in which every pair of levels meets: greedily, the one with most new pairs."""
    missing = set().union(*map(pairs_of, candidates))
    chosen = []
    while missing:
        best = max(candidates, key=lambda row: len(pairs_of(row) & missing))
        missing -= pairs_of(best)
        chosen.append(best)
    return chosen


CANDIDATES = [
    (*codename, *rest) for codename in codenames() for rest in itertools.product(*LEVELS[7:])
]
ROWS = covering_rows(CANDIDATES)
NAMES = [f"{''.join(row[:7])}{'-diagonal' * row[7]}{'-reuse' * (row[8] > 0)}" for row in ROWS]


def split(row: Row) -> tuple[str, dict[str, Any]]:
    """Returns the codename and the other settings of a row."""
    return "".join(row[:7]), {"diagonal": row[7], "reuse_ratio": row[8]}


def test_every_two_choices_meet_in_the_subset():
    expected = {
        ((first, low), (second, high))
        for (first, lows), (second, highs) in itertools.combinations(enumerate(LEVELS), 2)
        for low, high in itertools.product(lows, highs)
    }
    assert set().union(*map(pairs_of, ROWS)) == expected
    assert len(ROWS) <= 14


# test_float64.py holds the shapes of all of them.
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=name, marks=[] if index % 6 == 0 else pytest.mark.slow)
        for index, (row, name) in enumerate(zip(ROWS, NAMES, strict=True))
    ],
)
def test_a_variant_keeps_its_shapes_and_lowers_for_accelerators(row: Row):
    codename, settings = split(row)
    assert variants.check_shapes(codename, **settings) == []
    assert variants.check_lowering(codename, **settings) == []


# All of them train in test_float64.py, the first of them every day.
@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_variant_compiles_once_and_stays_finite(row: Row):
    codename, settings = split(row)
    figures = variants.check_run(codename, **settings)
    assert figures["failures"] == []
    assert (figures["added"] > 0) == ("A" in codename)
    assert figures["components"] == 3 or "A" in codename


@pytest.mark.exhaustive
@pytest.mark.parametrize("codename", codenames())
def test_each_of_all_variants_is_sound(codename: str):
    assert variants.check_shapes(codename) == []
    assert variants.check_lowering(codename) == []
    assert variants.check_run(codename)["failures"] == []
    jax.clear_caches()  # or the programs of hundreds of variants pile up


def test_what_a_step_changes_in_the_state_is_told(monkeypatch):
    original_step = gmmvi.step

    def careless_step(algorithm, log_target, state):
        state, info = original_step(algorithm, log_target, state)
        return state._replace(iteration=1), info  # a Python int is weakly typed

    monkeypatch.setattr(gmmvi, "step", careless_step)
    (change,) = variants.check_shapes("SEMTFOX")
    assert "iteration" in change


def test_what_is_not_finite_is_told():
    algorithm = variants.small_config("SEMTFOX").algorithm
    state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0))
    assert list(variants.not_finite(state, [])) == []
    gaussians = state.mixture.gaussians
    for slot, expected in ((1, 1), (state.mixture.capacity - 1, 0)):  # active, not active
        broken = gaussians._replace(mean=gaussians.mean.at[slot, 0].set(jnp.nan))
        mixture = dataclasses.replace(state.mixture, gaussians=broken)
        assert len(list(variants.not_finite(state._replace(mixture=mixture), []))) == expected
