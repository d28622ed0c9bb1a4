"""The settings of the 2023 study, per codename and target.

Source: Arenz et al., TMLR 2023, published experiment configurations of the nine candidates;
``published_settings.json`` holds what they override, ``published_code.py`` what they leave open.
"""

import json
from importlib import resources
from typing import Any

from gmmvi_jax import targets
from gmmvi_jax.config import Config
from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.variants.codenames import choices_of
from gmmvi_jax.variants.configurations import from_codename
from gmmvi_jax.variants.published_code import (
    MAX_COMPONENTS,
    SETTING_NAMES,
    archive_size,
    defaults_of,
)

_LEAST_COMPONENTS = 100  # room that a run with reuse has at least


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
    settings = defaults_of(choices)
    for published_name, name in SETTING_NAMES.items():
        if published_name in entry and name in names:
            settings[name] = entry[published_name]
    target = targets.get(target_name)
    if "max_database_size" in names:
        num_candidates = settings["num_database_samples"]
        settings["max_database_size"] = archive_size(entry, target.dim, num_candidates)
    num_initial = entry["model_initialization.num_initial_components"]
    if max_components is None and "A" in codename:
        max_components = entry.get("num_component_adapter.max_components", MAX_COMPONENTS)
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
