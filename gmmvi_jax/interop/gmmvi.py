"""From the TensorFlow package ``gmmvi``, the study's own code: its configurations.

``from_config`` reads its YAML files and dictionaries. What each of its keys is called here stands
in the page on coming from other packages, docs/coming_from.md.
"""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from gmmvi_jax.config import Config
from gmmvi_jax.modules.component_adaptation.adaptive import THRESHOLDS
from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.packages import import_package
from gmmvi_jax.variants.codenames import choices_of
from gmmvi_jax.variants.configurations import from_codename
from gmmvi_jax.variants.published_code import (
    COMMON_NAMES,
    MAX_COMPONENTS,
    SETTING_NAMES,
    archive_size,
    defaults_of,
)

# For each module, in the order of the letters: what names its choice, and the letters by name.
TYPES = {
    "ng_estimator_type": {"Stein": "S", "MORE": "Z"},
    "num_component_adapter_type": {"adaptive": "A", "fixed": "E"},
    "sample_selector_type": {"component-based": "M", "mixture-based": "P"},
    "ng_based_updater_type": {"trust-region": "T", "iBLR": "Y", "direct": "I"},
    "component_stepsize_adapter_type": {"improvement-based": "R", "decaying": "D", "fixed": "F"},
    "weight_updater_type": {"trust-region": "O", "direct": "U"},
    "weight_stepsize_adapter_type": {"improvement-based": "N", "decaying": "G", "fixed": "X"},
}
# What says nothing of the algorithm: the target, its reference samples, where results go.
IGNORED = ("environment_name", "environment_config", "mmd_evaluation_config", "experiment_id")
_KNOWN = {**SETTING_NAMES, **COMMON_NAMES}
_THRESHOLDS = "num_component_adapter.thresholds_for_add_heuristic"


def from_config(
    dim: Any, *settings: str | PathLike[str] | Mapping[str, Any], **overrides: Any
) -> Config:
    """Returns the configuration that means what settings of the TensorFlow package mean.

    Settings that are not given are its defaults, not those of ``from_codename``: without averages
    of iterates, and with reused samples under M.

    Args:
        dim: D, or an example of the position.
        *settings: paths of YAML files (which needs PyYAML), or dictionaries as its functions
            ``get_default_algorithm_config`` and ``get_default_config`` return them; what comes
            later counts. Together they name all seven choices.
        **overrides: settings of ``from_codename``, by its names, e.g. ``num_iterations``.

    Raises:
        ValueError: a key is not known, or a choice is missing.
        TypeError: ``settings`` are neither paths nor dictionaries.
        FileNotFoundError: there is no such file.

    Example:
        >>> from gmmvi_jax.interop.gmmvi import from_config
        >>> algorithm = {
        ...     "ng_estimator_type": "Stein",
        ...     "num_component_adapter_type": "adaptive",
        ...     "num_component_adapter_config": {"add_iters": 25},
        ...     "sample_selector_type": "component-based",
        ...     "ng_based_updater_type": "trust-region",
        ...     "component_stepsize_adapter_type": "improvement-based",
        ...     "weight_updater_type": "trust-region",
        ...     "weight_stepsize_adapter_type": "improvement-based",
        ... }
        >>> config = from_config(2, algorithm, {"model_initialization": {"prior_scale": 10.0}})
        >>> config.algorithm.component_adaptation.add_iters
        25
    """
    given: dict[str, Any] = {}
    for each in settings:
        given |= _flat(_read(each))
    codename = _codename(given)
    choices = choices_of(codename)
    ours = {name for choice in choices for name in choice.settings}
    found = defaults_of(choices) | {"average_iterates": False}
    ours.update(COMMON_NAMES.values())
    if "A" in codename:
        found["max_components"] = MAX_COMPONENTS
    else:
        ours.remove("max_components")
    for name, value in given.items():
        if name not in _KNOWN:
            _check_rest(name, value)
        elif _KNOWN[name] in ours:  # the code, too, passes over settings of other choices
            found[_KNOWN[name]] = _number(value)
    found |= overrides
    chosen: dict[str, Any] = found
    config = from_codename(codename, dim, **chosen)
    if "max_database_size" not in ours or "max_database_size" in overrides:
        return config
    size = archive_size(given, config.dim, found["num_database_samples"])
    return config.replace(max_database_size=size)


def _read(settings: Any) -> Mapping[str, Any]:
    if isinstance(settings, Mapping):
        return settings
    if not isinstance(settings, str | PathLike):
        raise TypeError(
            f"settings must be paths of YAML files or dictionaries, got {type(settings).__name__}."
        )
    yaml = import_package("yaml", "interop.gmmvi with files", "PyYAML", "pyyaml")
    path = Path(settings)
    if not path.is_file():
        raise FileNotFoundError(f"settings: there is no file {path}.")
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(read, Mapping):
        raise ValueError(f"settings: {path} holds no settings but {type(read).__name__}.")
    return read


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings with their sections before their names, "sample_selector.ratio"."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and key not in IGNORED:
            section = str(key).removesuffix("_config")
            flat |= {f"{section}.{name}": each for name, each in value.items()}
        else:
            flat[str(key)] = value
    return flat


def _number(value: Any) -> Any:
    """Returns a number for the text that PyYAML makes of 1e-05, which has no dot."""
    if isinstance(value, list):
        return [_number(each) for each in value]
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value  # which is refused by name


def _codename(given: dict[str, Any]) -> str:
    letters = ""
    for key, names in TYPES.items():
        name = str(given.pop(key, "")).replace("_", "-")
        if name not in names:
            what = f"got {name!r}" if name else "which is missing"
            raise ValueError(f"settings: {key} must be one of {', '.join(names)}, {what}.")
        letters += names[name]
    return letters


def _check_rest(name: str, value: Any) -> None:
    """Raises ValueError for a setting that would have been lost."""
    if name == _THRESHOLDS:
        if [float(each) for each in value] != list(THRESHOLDS):
            raise ValueError(
                f"settings: {name} is {value}; here it is always {list(THRESHOLDS)}. Leave it out."
            )
    elif name not in (*IGNORED, "use_sample_database", "max_database_size"):
        names = [*_KNOWN, *IGNORED, *TYPES]
        raise ValueError(
            f"settings: {name!r} is not known{did_you_mean(name, names)} The names are those of "
            f"gmmvi 1.1."
        )
