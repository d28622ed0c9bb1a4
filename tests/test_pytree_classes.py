"""Classes with the same fields are different pytrees: jit must never take one for the other."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.choice import Problem
from gmmvi_jax.modules.registry import MODULES
from gmmvi_jax.numerics.pytree import register_pytree

SETTINGS: dict[str, Any] = {"prior_mean": jnp.zeros(2), "initial_variance": jnp.ones(2)}


def make_class(number):
    @register_pytree
    @dataclasses.dataclass(frozen=True)
    class Rule:
        scale: float
        kind: str = dataclasses.field(default="plain", metadata={"static": True})

        def value(self):
            return number * self.scale

    return Rule


def test_jit_runs_the_program_of_the_class_it_is_given():
    # Many classes, so that some of their hashes fall together.
    classes = [make_class(number) for number in range(40)]
    structures = [jax.tree.structure(cls(1.0)) for cls in classes]
    assert all(a != b for a, b in itertools.combinations(structures[:20], 2))
    call = jax.jit(lambda rule: rule.value())
    for number, cls in enumerate(classes):
        assert float(call(cls(2.0))) == 2.0 * number


def test_floats_are_leaves_with_paths_and_static_fields_are_structure():
    cls = make_class(3)
    (path, leaf), *rest = jax.tree.leaves_with_path(cls(0.5))
    assert not rest
    assert leaf == 0.5
    assert jax.tree_util.keystr(path) == ".scale"
    assert jax.tree.structure(cls(1.0)) == jax.tree.structure(cls(2.0))
    assert jax.tree.structure(cls(1.0)) != jax.tree.structure(cls(1.0, "other"))
    assert jax.tree.map(lambda x: 2 * x, cls(1.0, "other")) == cls(2.0, "other")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.field)
def test_the_choices_of_a_module_have_different_structures(module):
    problem = Problem(dim=2, **SETTINGS)
    built = [choice.build(problem) for choice in module.choices]
    assert len(built) >= 2
    for first, second in itertools.combinations(built, 2):
        assert jax.tree.structure(first) != jax.tree.structure(second)


def test_no_two_codenames_have_the_same_structure():
    structures = {
        codename: jax.tree.structure(gmmvi.from_codename(codename, 2).algorithm)
        for codename in gmmvi.codenames()
    }
    hashes = {}
    for codename, structure in structures.items():
        for other in hashes.setdefault(str(structure), []):
            assert structures[other] != structure
        hashes[str(structure)].append(codename)
    assert len(set(structures.values())) == 432
