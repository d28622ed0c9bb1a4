"""Codenames, settings, and clear errors for bad ones."""

import dataclasses
import inspect
import itertools
import typing
from typing import Any

import jax
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.registry import CHOICES, LETTERS, MODULES
from gmmvi_jax.variants import settings
from gmmvi_jax.variants.codenames import choices_of


def test_there_are_432_codenames():
    names = gmmvi.codenames()
    assert len(names) == len(set(names)) == 432
    assert {"SAMTRON", "ZAMTRUX", "SEPYFUX", "SEPIFUX"} <= set(names)


def test_every_letter_has_a_choice_and_every_module_a_field_of_its_own():
    fields = {field.name for field in dataclasses.fields(gmmvi.Algorithm)}
    for module in MODULES:
        fields.remove(module.field)  # no other module fills it
    letters = [choice.letter for choice in CHOICES]
    assert len(letters) == len(set(letters)) == 17
    assert LETTERS == ("SZ", "AE", "MP", "TYI", "RDF", "OU", "NGX")


def test_the_named_variants_are_their_codenames():
    settings: dict[str, Any] = {"prior_scale": 3.0, "seed": 4}
    for config, codename in (
        (gmmvi.vips(3, desired_samples=77, **settings), "ZAMTRUX"),
        (gmmvi.ibayes_gmm(3, desired_samples=77, **settings), "SEPYFUX"),
        (gmmvi.ibayes_gmm(3, first_published=True, desired_samples=77, **settings), "SEPIFUX"),
    ):
        expected = gmmvi.from_codename(codename, 3, desired_samples=77, **settings)
        assert repr(config.algorithm) == repr(expected.algorithm)
        assert config.run == expected.run
        selector: Any = config.algorithm.sample_selector
        assert selector.desired_samples == 77


def with_traced(kind):
    """Returns what a setting may be in a sweep: where a number is allowed, a traced one is."""
    return kind | jax.Array if float in (kind, *typing.get_args(kind)) else kind


@pytest.mark.parametrize(
    ("configure", "declared", "names"),
    [
        (gmmvi.samtron, settings.SamtronSettings, ["SAMTRON"]),
        (gmmvi.vips, settings.VipsSettings, ["ZAMTRUX"]),
        (gmmvi.ibayes_gmm, settings.IBayesSettings, ["SEPYFUX", "SEPIFUX"]),
    ],
)
def test_signatures_of_named_variants_are_what_the_registry_knows(configure, declared, names):
    shown = inspect.signature(configure).parameters
    common = inspect.signature(gmmvi.from_codename).parameters.values()
    for codename in names:
        defaults = {p.name: p.default for p in common if p.kind is p.KEYWORD_ONLY}
        kinds = {p.name: p.annotation for p in common if p.kind is p.KEYWORD_ONLY}
        for choice in choices_of(codename):
            defaults |= choice.settings
            kinds |= choice.types
        own = set(shown) - set(defaults)
        assert own <= {"dim", "first_published"}
        assert all(shown[name].kind is inspect.Parameter.KEYWORD_ONLY for name in defaults)
        assert {name: shown[name].default for name in defaults} == defaults
        hints = typing.get_type_hints(declared)
        static = {"reuse_ratio"}  # part of the compiled program
        assert hints == {
            name: kind if name in static else with_traced(kind) for name, kind in kinds.items()
        }


# One value for every setting of a choice, and the attribute of the module that it must reach.
REACHES = {
    "Z": {
        "self_normalized_gradients": (False, "self_normalized"),
        "only_own_samples": (True, "only_own_samples"),
        "initial_ridge_factor": (1e-9, "initial_ridge_factor"),
    },
    "S": {
        "self_normalized_gradients": (False, "self_normalized"),
        "only_own_samples": (True, "only_own_samples"),
    },
    "D": {
        "initial_component_stepsize": (0.7, "initial"),
        "component_stepsize_exponent": (0.9, "exponent"),
    },
    "F": {"initial_component_stepsize": (0.7, "initial")},
    "U": {"self_normalized_rewards": (False, "self_normalized")},
    "G": {
        "initial_weight_stepsize": (0.7, "initial"),
        "weight_stepsize_exponent": (0.9, "exponent"),
    },
    "X": {"initial_weight_stepsize": (0.0, "initial")},
}


@pytest.mark.parametrize("letter", REACHES)
def test_every_setting_of_a_choice_reaches_its_module(letter):
    codename = next(code for code in gmmvi.codenames() if letter in code)
    (module,) = [module for module in MODULES if letter in module.letters]
    (choice,) = [choice for choice in module.choices if choice.letter == letter]
    values = {name: value for name, (value, _) in REACHES[letter].items()}
    assert set(values) == set(choice.settings)
    chosen = getattr(gmmvi.from_codename(codename, 3, **values).algorithm, module.field)
    assert type(chosen) is choice.kind
    for value, attribute in REACHES[letter].values():
        assert getattr(chosen, attribute) == value
    changed = gmmvi.from_codename(codename, 3).replace(**values)
    assert getattr(changed.algorithm, module.field) == chosen


def test_a_fixed_number_of_components_has_room_for_no_more_than_it_starts_with():
    assert gmmvi.ibayes_gmm(3).algorithm.max_components == 10
    assert gmmvi.ibayes_gmm(3).algorithm.initial_mixture.num_components == 10
    assert gmmvi.ibayes_gmm(3, num_initial_components=4).algorithm.max_components == 4
    assert gmmvi.samtron(3).algorithm.max_components == 100
    assert gmmvi.samtron(3).algorithm.initial_mixture.num_components == 1


STEPSIZES = ("component_stepsize", "weight_stepsize")
DEFAULT_SAMPLES = {  # codename, diagonal -> in 10 and in 40 dimensions
    ("SAMTRON", False): (100, 160),
    ("SAMTRON", True): (100, 100),
    ("SEPYFUX", False): (200, 320),
    ("ZAMTRUX", False): (100, 1291),  # 1.5 times the 66 and 861 coefficients of a quadratic
    ("ZAMTRUX", True): (100, 121),
    ("ZEPTRON", False): (200, 2582),
}


@pytest.mark.parametrize(("codename", "diagonal"), DEFAULT_SAMPLES)
def test_the_number_of_samples_is_chosen_for_the_estimator_and_the_selector(codename, diagonal):
    found = []
    for dim in (10, 40):
        config = gmmvi.from_codename(codename, dim, diagonal=diagonal)
        found.append(getattr(config.algorithm.sample_selector, "desired_samples", None))
    assert tuple(found) == DEFAULT_SAMPLES[codename, diagonal]


def test_fixed_and_decaying_stepsizes_are_smaller_with_samples_of_the_mixture():
    for letters, field in itertools.product(("FUX", "DUG"), STEPSIZES):
        many, few = (
            getattr(gmmvi.from_codename(f"SE{selector}Y{letters}", 3).algorithm, field).initial
            for selector in "MP"
        )
        assert many > few > 0.0


def test_settings_reach_their_modules():
    config = gmmvi.from_codename(
        "SAMTRON",
        3,
        prior_mean=[1.0, 2.0, 3.0],
        prior_scale=2.0,
        num_initial_components=4,
        add_iters=7,
        desired_samples=55,
        initial_weight_stepsize=0.3,
        temperature=0.5,
        seed=9,
    )
    algorithm: Any = config.algorithm
    assert algorithm.component_adaptation.add_iters == 7
    assert algorithm.sample_selector.desired_samples == 55
    assert algorithm.weight_stepsize.initial == 0.3
    assert algorithm.temperature(1) == 0.5
    assert config.run.seed == 9
    np.testing.assert_array_equal(algorithm.initial_mixture.prior_mean, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(algorithm.initial_mixture.initial_variance, [4.0, 4.0, 4.0])


def test_an_algorithm_is_a_pytree_whose_structure_does_not_depend_on_its_floats():
    first = gmmvi.samtron(3, initial_component_stepsize=1).algorithm
    second = gmmvi.samtron(3, initial_component_stepsize=0.25, prior_mean=4).algorithm
    assert jax.tree.structure(first) == jax.tree.structure(second)
    shapes = [
        [(np.shape(leaf), np.asarray(leaf).dtype) for leaf in jax.tree.leaves(algorithm)]
        for algorithm in (first, second)
    ]
    assert shapes[0] == shapes[1]


def test_replace_changes_run_and_algorithm():
    config = gmmvi.samtron(3)
    changed = config.replace(seed=4, max_components=12)
    assert changed.run.seed == 4
    assert changed.algorithm.max_components == 12
    assert config.run.seed == 0
    with pytest.raises(TypeError, match="no_such_field"):
        config.replace(no_such_field=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior_scale": -1.0}, r"prior_scale must be positive, got -1.0"),
        ({"prior_scale": [1.0, 2.0]}, r"prior_scale .*shape \(3,\).*\(2,\)"),
        ({"initial_covariance": 0.0}, "initial_covariance must be positive"),
        ({"prior_mean": float("nan")}, "prior_mean must be finite"),
        ({"num_initial_components": 5, "max_components": 4}, "raise max_components"),
        ({"max_components": 0}, "max_components must be an integer of at least 1"),
        ({"desired_samples": 2.5}, "desired_samples must be an integer"),
        ({"initial_component_stepsize": 0.0}, "initial_component_stepsize must be positive, got 0"),
        ({"max_component_stepsize": -1.0}, "max_component_stepsize must be positive"),
        ({"initial_weight_stepsize": -0.1}, "initial_weight_stepsize must not be negative"),
        ({"del_iters": 2}, "del_iters must be at least 3, got 2"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"num_iterations": 0}, "num_iterations must be an integer of at least 1"),
        ({"log_every": 0}, "log_every"),
        ({"add_iter": 3}, "did you mean 'add_iters'"),
    ],
)
def test_a_bad_setting_is_named_with_its_value(settings, message):
    with pytest.raises(ValueError, match=message):
        gmmvi.samtron(3, **settings)


BAD_SETTINGS = [
    ("SAMTDON", "component_stepsize_exponent", -0.5, "F (fixed)"),
    ("SAMTROG", "weight_stepsize_exponent", -1.0, "X (fixed)"),
    ("SAMTROG", "weight_stepsize_exponent", float("nan"), "must be a finite number"),
    ("SAMTDON", "initial_component_stepsize", 0.0, "must be positive"),
    ("SAMTFON", "initial_component_stepsize", -1.0, "must be positive"),
    ("SAMTROG", "initial_weight_stepsize", -0.1, "must not be negative"),
    ("SAMTROX", "initial_weight_stepsize", -0.1, "must not be negative"),
    ("SAMTRON", "reuse_ratio", -1.0, "0 reuses no samples"),
]


@pytest.mark.parametrize(("codename", "name", "value", "cure"), BAD_SETTINGS)
def test_a_bad_setting_is_named_with_its_value_and_the_cure(codename, name, value, cure):
    with pytest.raises(ValueError, match=name) as caught:
        gmmvi.from_codename(codename, 3, **{name: value})
    assert str(value) in str(caught.value)
    assert cure in str(caught.value)


@pytest.mark.parametrize("codename", ["SAMTRON", "SEPYFUX", "ZAMTRUX"])
def test_own_samples_with_reuse_name_both_and_the_cure(codename):
    with pytest.raises(ValueError, match="only_own_samples=True") as caught:
        gmmvi.from_codename(codename, 3, only_own_samples=True, reuse_ratio=1.5)
    assert "reuse_ratio=1.5" in str(caught.value)
    assert "set reuse_ratio=0 or only_own_samples=False" in str(caught.value)
    gmmvi.from_codename(codename, 3, only_own_samples=True)
    gmmvi.from_codename(codename, 3, reuse_ratio=1.5)


@pytest.mark.parametrize("letter", "NGX")
def test_a_weight_stepsize_of_zero_is_legal(letter):
    config = gmmvi.from_codename(f"SAMTRO{letter}", 3, initial_weight_stepsize=0.0)
    algorithm: Any = config.algorithm
    assert algorithm.weight_stepsize.initial == 0.0


def test_an_unknown_codename_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'SAMTRON'"):
        gmmvi.from_codename("SAMTRONN", 3)
