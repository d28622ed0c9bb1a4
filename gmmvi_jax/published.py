"""The settings of the 2023 study, per codename and target.

Source: Arenz et al., TMLR 2023, published experiment configurations of the nine candidates;
``published_settings.json`` holds what they override, the tables here what they leave open.
"""

import difflib
import json
from importlib import resources
from typing import Any

from gmmvi_jax import targets
from gmmvi_jax.codenames import choices_of
from gmmvi_jax.config import Config
from gmmvi_jax.variants import from_codename

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
}
# What the published code uses where a set is silent (ALGORITHM.md, "Settings"), for the names that
# the choices of a codename have.
_SILENT = {
    "del_iters": 100,
    "add_iters": 30,
    "num_database_samples": 100_000,
    "num_prior_samples": 0,
    "desired_samples": 100,
    "initial_component_stepsize": 1.0,
    "min_component_stepsize": 0.001,
    "max_component_stepsize": 1.0,
    "initial_weight_stepsize": 1.0,
    "min_weight_stepsize": 1e-4,
    "max_weight_stepsize": 1.0,
}
_REUSE = "sample_selector.ratio_reused_samples_to_desired"
_MAX_COMPONENTS = 1000
# The study kept every sample (up to 10 million, by target) and drew candidates from them. The
# archive holds as many as a search looks at, thinned over the whole run.
_ARCHIVE_SIZE = 100_000


def published_settings() -> dict[str, dict[str, dict[str, Any]]]:
    """Returns codename -> target name -> what the study's configuration overrides."""
    path = resources.files("gmmvi_jax") / "published_settings.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _lookup(codename: str, target_name: str) -> dict[str, Any]:
    settings = published_settings()
    if codename not in settings:
        raise ValueError(
            f"the study published no settings for {codename!r}; it has {', '.join(settings)}."
        )
    if target_name not in settings[codename]:
        known = list(settings[codename])
        nearest = difflib.get_close_matches(target_name, known, 1, 0.0)[0]
        raise ValueError(
            f"the study published no settings of {codename} for {target_name!r}; did you mean "
            f"{nearest!r}? It has {', '.join(known)}."
        )
    entry = settings[codename][target_name]
    # A list-valued entry of the study means its first element.
    return {name: value[0] if isinstance(value, list) else value for name, value in entry.items()}


def runnable_targets(codename: str) -> list[str]:
    """Returns the targets of this version that ``published_config`` has settings for.

    Raises:
        ValueError: a choice of the codename does not exist in this version.
    """
    reuses = any("reuse_ratio" in choice.settings for choice in choices_of(codename))
    entries = published_settings().get(codename, {})
    return [
        name
        for name in targets.names()
        if name in entries and (reuses or not entries[name].get(_REUSE, 0.0))
    ]


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
        max_components: by default the published number.
        seed: of the run.
        **overrides: other settings of ``from_codename``.

    Raises:
        ValueError: no such set; those that exist are listed.
    """
    entry = _lookup(codename, target_name)
    names = {name for choice in choices_of(codename) for name in choice.settings}
    settings: dict[str, Any] = {name: value for name, value in _SILENT.items() if name in names}
    for published_name, name in _SETTING_NAMES.items():
        if published_name in entry and name in names:
            settings[name] = entry[published_name]
    reuse = entry.get(_REUSE, 0.0)
    if "reuse_ratio" in names:
        settings["reuse_ratio"] = reuse
    elif reuse:
        raise ValueError(
            f"the published settings of {codename} for {target_name!r} reuse samples "
            f"(ratio {reuse}), which this version of gmmvi_jax does not do."
        )
    if "archive_size" in names:
        keeps_samples = entry.get("use_sample_database", True)
        settings["archive_size"] = _ARCHIVE_SIZE if keeps_samples else 0
    target = targets.get(target_name)
    if max_components is None:
        max_components = entry.get("num_component_adapter.max_components", _MAX_COMPONENTS)
    settings |= {
        "prior_mean": target.prior_mean,
        "prior_scale": target.prior_scale,
        "initial_covariance": target.initial_covariance,
        "num_initial_components": entry["model_initialization.num_initial_components"],
        "max_components": max_components,
        "num_iterations": num_iterations,
        "seed": seed,
    }
    return from_codename(codename, target.dim, **{**settings, **overrides})
