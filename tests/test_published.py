"""Published configurations."""

import functools
from importlib import metadata
from typing import Any

import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.variants.published import published_settings

# Names of the study -> where they must arrive in the algorithm; a choice may lack the attribute.
PUBLISHED = {
    "model_initialization.num_initial_components": "initial_mixture.num_components",
    "num_component_adapter.del_iters": "component_adaptation.del_iters",
    "num_component_adapter.add_iters": "component_adaptation.add_iters",
    "num_component_adapter.num_prior_samples": "component_adaptation.num_prior_samples",
    "num_component_adapter.max_components": "max_components",
    "sample_selector.desired_samples_per_component": "sample_selector.desired_samples",
    "sample_selector.ratio_reused_samples_to_desired": "sample_selector.reuse_ratio",
    "component_stepsize_adapter.initial_stepsize": "component_stepsize.initial",
    "component_stepsize_adapter.min_stepsize": "component_stepsize.lowest",
    "component_stepsize_adapter.max_stepsize": "component_stepsize.highest",
    "weight_stepsize_adapter.initial_stepsize": "weight_stepsize.initial",
    "weight_stepsize_adapter.min_stepsize": "weight_stepsize.lowest",
    "weight_stepsize_adapter.max_stepsize": "weight_stepsize.highest",
    "ng_estimator.use_self_normalized_importance_weights": "natural_gradient.self_normalized",
    "ng_estimator.only_use_own_samples": "natural_gradient.only_own_samples",
}
ELSEWHERE = {"max_database_size", "use_sample_database"}  # together they make the archive's size
# What a set leaves open. Source: docs/algorithm.md, "Published settings".
SILENT = {
    "natural_gradient.self_normalized": True,
    "natural_gradient.only_own_samples": False,
    "component_stepsize.lowest": 0.001,
    "component_stepsize.highest": 1.0,
    "component_stepsize.increase": 1.15,
    "component_stepsize.decrease": 0.85,
    "component_stepsize.exponent": 0.55,
    "weight_stepsize.increase": 1.15,
    "weight_stepsize.decrease": 0.85,
    "weight_stepsize.exponent": 0.55,
    "weight_updater.self_normalized": True,
    "component_adaptation.num_database_samples": 100_000,
    "component_adaptation.lightest": 1e-6,
}
target_of_name = functools.cache(gmmvi.targets.get)  # some take a second


def talos_is_installed() -> bool:
    return any(metadata.distributions(name="example-robot-data"))


def read(algorithm: Any, path: str) -> Any:
    for name in path.split("."):
        algorithm = getattr(algorithm, name, None)
    return algorithm


@pytest.mark.parametrize("codename", published_settings())
def test_published_settings_are_as_published_on_every_target_there_is(codename, monkeypatch):
    monkeypatch.setattr(gmmvi.targets, "get", target_of_name)
    for target, entry in published_settings()[codename].items():
        if target not in gmmvi.targets.names():
            with pytest.raises(ValueError, match=target):
                gmmvi.published_config(codename, target)
            continue
        if target == "talos" and not talos_is_installed():
            with pytest.raises(ImportError, match=r"gmmvi_jax\[talos\]"):
                gmmvi.published_config(codename, target)
            continue
        algorithm: Any = gmmvi.published_config(codename, target).algorithm
        assert set(entry) <= set(PUBLISHED) | ELSEWHERE
        for name, path in PUBLISHED.items():
            if name in entry:
                value = entry[name]  # a list means its first element
                assert read(algorithm, path) == (value[0] if isinstance(value, list) else value)
        for path, value in SILENT.items():
            if path not in {PUBLISHED[name] for name in entry if name in PUBLISHED}:
                assert read(algorithm, path) in (None, value)
        size = read(algorithm, "component_adaptation.max_database_size")
        room = max(100_000, 2**24 // algorithm.initial_mixture.dim)
        largest = entry.get("max_database_size", room)
        largest = largest[0] if isinstance(largest, list) else largest
        expected_size = min(room, largest) * entry.get("use_sample_database", True)
        assert size == (None if "E" in codename else expected_size)
        silent_room = entry["model_initialization.num_initial_components"]
        silent_room = silent_room if "E" in codename else 1000
        expected = entry.get("num_component_adapter.max_components", silent_room)
        if algorithm.sample_selector.reuse_ratio:
            # Its memory grows with the square of the components: no more than can be reached.
            add_iters = read(algorithm, "component_adaptation.add_iters")
            initial = entry["model_initialization.num_initial_components"]
            expected = min(expected, max(100, initial + 500 // add_iters))
        assert algorithm.max_components == expected


# The published code's defaults. Source: docs/algorithm.md, "Published settings".
ALL_SILENT = {
    "SAMTRON": {
        "sample_selector.desired_samples": 100,
        "sample_selector.reuse_ratio": 2.0,
        "component_stepsize.initial": 1.0,
        "weight_stepsize.initial": 1.0,
        "weight_stepsize.lowest": 1e-4,
        "weight_stepsize.highest": 1.0,
        "component_adaptation.del_iters": 100,
        "component_adaptation.add_iters": 30,
        "component_adaptation.num_prior_samples": 0,
    },
    "SEPYFUX": {
        "sample_selector.desired_samples": 100,
        "sample_selector.reuse_ratio": 0.0,
        "component_stepsize.initial": 1e-5,
        "weight_stepsize.initial": 1.0,
    },
}


@pytest.mark.parametrize("codename", ALL_SILENT)
def test_where_a_set_is_silent_the_published_code_decides(codename, monkeypatch):
    sets = {codename: {"gmm20": {"model_initialization.num_initial_components": 3}}}
    monkeypatch.setattr("gmmvi_jax.variants.published.published_settings", lambda: sets)
    algorithm = gmmvi.published_config(codename, "gmm20").algorithm
    for path, value in ALL_SILENT[codename].items():
        assert read(algorithm, path) == value


def test_the_published_size_of_the_database_caps_ours_and_own_samples_are_passed_on(monkeypatch):
    own = "ng_estimator.only_use_own_samples"
    entry = {**published_settings()["ZAMTRUX"]["gmm20"], "max_database_size": [500], own: True}
    sets = {"ZAMTRUX": {"gmm20": entry}}
    monkeypatch.setattr("gmmvi_jax.variants.published.published_settings", lambda: sets)
    algorithm: Any = gmmvi.published_config("ZAMTRUX", "gmm20").algorithm
    assert algorithm.component_adaptation.max_database_size == 500
    assert algorithm.natural_gradient.only_own_samples


def test_published_settings_that_do_not_exist_are_listed():
    with pytest.raises(ValueError, match="ZAMTRUX"):
        gmmvi.published_config("SEPIFUX", "breast_cancer")
    with pytest.raises(ValueError, match="did you mean 'gmm20'"):
        gmmvi.published_config("SAMTRON", "gmm21")
