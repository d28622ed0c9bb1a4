"""Configurations of the TensorFlow package."""

import json
from typing import Any

import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.interop.gmmvi import IGNORED, from_config
from gmmvi_jax.modules.registry import MODULES
from gmmvi_jax.variants.published import published_settings

CHOICES = {
    "ng_estimator_type": "Stein",
    "num_component_adapter_type": "adaptive",
    "sample_selector_type": "component-based",
    "ng_based_updater_type": "trust-region",
    "component_stepsize_adapter_type": "improvement-based",
    "weight_updater_type": "trust-region",
    "weight_stepsize_adapter_type": "improvement_based",  # as the package spells it
}
# As its files for experiments are.
EXPERIMENT: dict[str, Any] = {
    "start_seed": 3,
    "environment_name": "PlanarRobot4",
    "environment_config": {"num_goals": 4},
    "model_initialization": {
        "use_diagonal_covs": False,
        "num_initial_components": 300,
        "prior_mean": 0.0,
        "prior_scale": [1.0] + [0.2] * 9,
        "initial_cov": [0.0625] + [0.0025] * 9,
    },
    "gmmvi_runner_config": {"log_metrics_interval": 10},
    "use_sample_database": True,
    "max_database_size": 10_000_000,
    "temperature": 1.0,
}


def sections(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns settings with dots in their names as the sections of a file."""
    nested: dict[str, Any] = {}
    for name, value in entry.items():
        section, _, last = name.rpartition(".")
        value = value[0] if isinstance(value, list) else value
        if not section:
            nested[last] = value
        else:
            key = section if section == "model_initialization" else f"{section}_config"
            nested.setdefault(key, {})[last] = value
    return nested


def classes(config: gmmvi.Config) -> list[type]:
    """Returns the classes of the seven choices."""
    return [type(getattr(config.algorithm, module.field)) for module in MODULES]


def test_published_settings_by_files_are_the_published_settings(tmp_path):
    published = sections(published_settings()["SAMTRON"]["planar_robot_4"])
    initial = EXPERIMENT["model_initialization"] | published.pop("model_initialization")
    contents = (CHOICES, EXPERIMENT | published | {"model_initialization": initial})
    paths = [tmp_path / "algorithm.yml", tmp_path / "experiment.yml"]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")  # which is YAML, too
    expected = gmmvi.published_config("SAMTRON", "planar_robot_4", seed=3, max_components=1000)
    found = from_config(10, *paths)
    assert repr(found) == repr(expected.replace(log_every=10))
    assert repr(from_config(10, *contents)) == repr(found)


def test_settings_that_are_not_given_are_those_of_the_package():
    config = from_config(2, CHOICES)
    assert classes(config) == classes(gmmvi.samtron(2))
    text = repr(config.algorithm)
    for setting in ("reuse_ratio=2.0", "desired_samples=100", "max_components=1000"):
        assert setting in text
    published = gmmvi.published_config("SAMTRON", "gmm20").algorithm.iterate_averaging
    assert config.algorithm.iterate_averaging == published  # none
    fixed = CHOICES | {"num_component_adapter_type": "fixed", "ng_estimator_type": "MORE"}
    fixed |= {"ng_based_updater_type": "iBLR", "weight_updater_type": "direct"}
    fixed |= {"num_component_adapter_config": {"max_components": 7, "del_iters": 9}}
    initial = {"model_initialization": {"num_initial_components": 5}}
    config = from_config(2, fixed, initial, num_iterations=7)
    assert classes(config) == classes(gmmvi.from_codename("ZEMYRUN", 2))
    assert config.run.num_iterations == 7
    assert config.algorithm.max_components == 5


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"ng_estimator_type": None}, ValueError, "ng_estimator_type must be one of Stein, MORE"),
        ({"weight_updater_type": "x"}, ValueError, "weight_updater_type .*got 'x'"),
        ({"ng_estimator_config": {"only_own": 1}}, ValueError, "'ng_estimator.only_own' is not"),
        ({"temprature": 1.0}, ValueError, "'temprature' is not known; did you mean 'temperature'"),
        (
            {"num_component_adapter_config": {"thresholds_for_add_heuristic": [1.0]}},
            ValueError,
            "thresholds_for_add_heuristic is .1.0.; here it is always",
        ),
        (3, TypeError, "paths of YAML files or dictionaries, got int"),
        ("no/such.yml", FileNotFoundError, "there is no file no/such.yml"),
    ],
)
def test_what_would_be_lost_is_refused(settings, error, message):
    given = CHOICES | settings if isinstance(settings, dict) else settings
    with pytest.raises(error, match=message):
        from_config(2, given)


def test_what_says_nothing_of_the_algorithm_is_passed_over():
    ignored = {name: {"a": 1} for name in IGNORED}
    assert repr(from_config(2, CHOICES, ignored)) == repr(from_config(2, CHOICES))
