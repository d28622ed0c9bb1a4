"""Codenames, settings, published configurations, and clear errors for bad ones."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.choices import CHOICES
from gmmvi_jax.published import published_settings


def test_there_are_432_codenames():
    names = gmmvi.codenames()
    assert len(names) == len(set(names)) == 432
    assert {"SAMTRON", "ZAMTRUX", "SEPYFUX", "SEPIFUX"} <= set(names)


def test_every_choice_fills_another_field_of_the_algorithm():
    fields = {field.name for field in dataclasses.fields(gmmvi.Algorithm)}
    assert {choice.field for choice in CHOICES} <= fields
    assert len({choice.letter for choice in CHOICES}) == len(CHOICES)


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


def test_a_weight_stepsize_of_zero_is_legal():
    algorithm: Any = gmmvi.samtron(3, initial_weight_stepsize=0.0).algorithm
    assert algorithm.weight_stepsize.initial == 0.0


def test_an_unknown_codename_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'SAMTRON'"):
        gmmvi.from_codename("SAMTRONN", 3)


@pytest.mark.parametrize("target", published_settings()["SAMTRON"])
def test_published_settings_of_samtron_are_as_published(target):
    if target not in gmmvi.targets.names():
        with pytest.raises(ValueError, match=target):
            gmmvi.published_config("SAMTRON", target)
        return
    entry = published_settings()["SAMTRON"][target]
    if entry["sample_selector.ratio_reused_samples_to_desired"]:
        with pytest.raises(ValueError, match="reuse"):
            gmmvi.published_config("SAMTRON", target)
        return
    algorithm: Any = gmmvi.published_config("SAMTRON", target).algorithm
    adaptation = algorithm.component_adaptation
    assert adaptation.add_iters == entry["num_component_adapter.add_iters"]
    assert adaptation.del_iters == entry["num_component_adapter.del_iters"]
    assert adaptation.num_database_samples == 100_000
    stepsize = algorithm.component_stepsize
    assert stepsize.initial == entry["component_stepsize_adapter.initial_stepsize"]
    assert algorithm.weight_stepsize.initial == entry["weight_stepsize_adapter.initial_stepsize"]
    assert algorithm.weight_stepsize.highest == 4.0
    assert (
        algorithm.initial_mixture.num_components
        == entry["model_initialization.num_initial_components"]
    )
    assert algorithm.max_components == 1000


def test_published_settings_that_do_not_exist_are_listed():
    with pytest.raises(ValueError, match="ZAMTRUX"):
        gmmvi.published_config("SEPIFUX", "breast_cancer")
    with pytest.raises(ValueError, match="did you mean 'gmm20'"):
        gmmvi.published_config("SAMTRON", "gmm21")
