"""The settings of the 2023 study, per codename and target.

Source: Arenz et al., TMLR 2023, published experiment configurations of the nine candidates;
``published_settings.json`` holds what they override, the tables here what they leave open.
"""

import json
from importlib import resources
from typing import Any

from gmmvi_jax import targets
from gmmvi_jax.config import Config
from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.variants.codenames import choices_of
from gmmvi_jax.variants.configurations import from_codename

# The study's names -> ours; a name may serve two modules, as the letters decide.
_SETTING_NAMES = {
    "num_component_adapter.del_iters": "del_iters",
    "num_component_adapter.add_iters": "add_iters",
    "num_component_adapter.num_prior_samples": "num_prior_samples",
    "sample_selector.desired_samples_per_component": "desired_samples",
    "component_stepsize_adapter.initial_stepsize": "initial_component_stepsize",
    "component_stepsize_adapter.min_stepsize": "min_component_stepsize",
    "component_stepsize_adapter.max_stepsize": "max_component_stepsize",
    "weight_stepsize_adapter.initial_stepsize": "initial_weight_stepsize",
    "weight_stepsize_adapter.min_stepsize": "min_weight_stepsize",
    "weight_stepsize_adapter.max_stepsize": "max_weight_stepsize",
    "ng_estimator.use_self_normalized_importance_weights": "self_normalized_gradients",
    "ng_estimator.only_use_own_samples": "only_own_samples",
    "sample_selector.ratio_reused_samples_to_desired": "reuse_ratio",
}
# The published code's defaults, for what a set leaves open (docs/algorithm.md, "Published
# settings"); of these the names that the choices of a codename have.
_SILENT = {
    "del_iters": 100,
    "add_iters": 30,
    "min_weight_for_deletion": 1e-6,
    "num_database_samples": 100_000,
    "num_prior_samples": 0,
    "desired_samples": 100,
    "only_own_samples": False,
    "self_normalized_gradients": True,
    "self_normalized_rewards": True,
    "initial_ridge_factor": 1e-12,
    "initial_component_stepsize": 1.0,
    "min_component_stepsize": 0.001,
    "max_component_stepsize": 1.0,
    "component_stepsize_increase": 1.15,
    "component_stepsize_decrease": 0.85,
    "component_stepsize_exponent": 0.55,
    "initial_weight_stepsize": 1.0,
    "min_weight_stepsize": 1e-4,
    "max_weight_stepsize": 1.0,
    "weight_stepsize_increase": 1.15,
    "weight_stepsize_decrease": 0.85,
    "weight_stepsize_exponent": 0.55,
}
# And what some choices use in place of that.
_SILENT_OF_CHOICE: dict[str, dict[str, Any]] = {
    "M": {"reuse_ratio": 2.0},
    "P": {"reuse_ratio": 0.0},
    "F": {"initial_component_stepsize": 1e-5},
}
_MAX_COMPONENTS = 1000
_LEAST_COMPONENTS = 100  # room that a run with reuse has at least
# The study kept every sample (up to 10 million, by target) and drew candidates from them. The
# archive has 64 MiB of them, and at least as many as a search looks at.
_ARCHIVE_NUMBERS = 2**24


def published_settings() -> dict[str, dict[str, dict[str, Any]]]:
    """Returns codename -> target name -> what the study's configuration overrides."""
    path = resources.files("gmmvi_jax.variants") / "published_settings.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _lookup(codename: str, target_name: str) -> dict[str, Any]:
    settings = published_settings()
    if not isinstance(codename, str) or codename not in settings:
        raise ValueError(
            f"codename: the study published no settings for {codename!r}"
            f"{did_you_mean(codename, settings)} It has {', '.join(settings)}."
        )
    if not isinstance(target_name, str) or target_name not in settings[codename]:
        known = list(settings[codename])
        raise ValueError(
            f"target_name: the study published no settings of {codename} for {target_name!r}"
            f"{did_you_mean(target_name, known)} It has {', '.join(known)}."
        )
    entry = settings[codename][target_name]
    # A list-valued entry of the study means its first element.
    return {name: value[0] if isinstance(value, list) else value for name, value in entry.items()}


def runnable_targets(codename: str) -> list[str]:
    """Returns the targets of this version that ``published_config`` has settings for."""
    entries = published_settings().get(codename, {})
    return [name for name in targets.names() if name in entries]


def published_config(
    codename: str,
    target_name: str,
    *,
    num_iterations: int = 500,
    max_components: int | None = None,
    seed: int = 0,
    **overrides: Any,
) -> Config:
    """Returns the configuration the study used for a target.

    Args:
        codename: one of its nine candidates, e.g. ``"SAMTRON"``.
        target_name: as in ``targets.names()``, e.g. ``"breast_cancer"``.
        num_iterations: steps to take.
        max_components: by default the published number; with reuse 100, or as many as can be added
            in ``num_iterations``; under E that of the start.
        seed: of the run.
        **overrides: other settings of ``from_codename``.

    Raises:
        ValueError: no such set; those that exist are listed.
    """
    entry = _lookup(codename, target_name)
    choices = choices_of(codename)
    names = {name for choice in choices for name in choice.settings}
    settings: dict[str, Any] = {name: value for name, value in _SILENT.items() if name in names}
    for choice in choices:
        settings |= _SILENT_OF_CHOICE.get(choice.letter, {})
    for published_name, name in _SETTING_NAMES.items():
        if published_name in entry and name in names:
            settings[name] = entry[published_name]
    target = targets.get(target_name)
    if "max_database_size" in names:
        keeps_samples = entry.get("use_sample_database", True)
        room = max(_SILENT["num_database_samples"], _ARCHIVE_NUMBERS // target.dim)
        largest = min(room, entry.get("max_database_size", room))
        settings["max_database_size"] = largest if keeps_samples else 0
    num_initial = entry["model_initialization.num_initial_components"]
    if max_components is None and "A" in codename:
        max_components = entry.get("num_component_adapter.max_components", _MAX_COMPONENTS)
        if settings.get("reuse_ratio", 0.0):
            # A reuse window for 1,000 components would take gigabytes, and a run cannot get there.
            reached = num_initial + num_iterations // settings["add_iters"]
            max_components = min(max_components, max(reached, _LEAST_COMPONENTS))
    settings |= {
        "prior_mean": target.prior_mean,
        "prior_scale": target.prior_scale,
        "initial_covariance": target.initial_covariance,
        "num_initial_components": num_initial,
        "max_components": max_components,
        "average_iterates": False,
        "num_iterations": num_iterations,
        "seed": seed,
    }
    return from_codename(codename, target.dim, **{**settings, **overrides})
