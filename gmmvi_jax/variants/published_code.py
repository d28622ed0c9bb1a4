"""What the settings of the published code are called, and what it uses where none is given.

Source: PyPI ``gmmvi`` 1.1, the code of Arenz et al., TMLR 2023; the names are those of its YAML
files, without "_config" behind the name of a section.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gmmvi_jax.modules.choice import Choice

# The published names -> ours; a name may serve two modules, as the letters decide.
SETTING_NAMES = {
    "num_component_adapter.del_iters": "del_iters",
    "num_component_adapter.add_iters": "add_iters",
    "num_component_adapter.num_prior_samples": "num_prior_samples",
    "num_component_adapter.num_database_samples": "num_database_samples",
    "num_component_adapter.min_weight_for_del_heuristic": "min_weight_for_deletion",
    "sample_selector.desired_samples_per_component": "desired_samples",
    "sample_selector.ratio_reused_samples_to_desired": "reuse_ratio",
    "ng_estimator.use_self_normalized_importance_weights": "self_normalized_gradients",
    "ng_estimator.only_use_own_samples": "only_own_samples",
    "ng_estimator.initial_l2_regularizer": "initial_ridge_factor",
    "component_stepsize_adapter.initial_stepsize": "initial_component_stepsize",
    "component_stepsize_adapter.min_stepsize": "min_component_stepsize",
    "component_stepsize_adapter.max_stepsize": "max_component_stepsize",
    "component_stepsize_adapter.stepsize_inc_factor": "component_stepsize_increase",
    "component_stepsize_adapter.stepsize_dec_factor": "component_stepsize_decrease",
    "component_stepsize_adapter.annealing_exponent": "component_stepsize_exponent",
    "weight_updater.use_self_normalized_importance_weights": "self_normalized_rewards",
    "weight_stepsize_adapter.initial_stepsize": "initial_weight_stepsize",
    "weight_stepsize_adapter.min_stepsize": "min_weight_stepsize",
    "weight_stepsize_adapter.max_stepsize": "max_weight_stepsize",
    "weight_stepsize_adapter.stepsize_inc_factor": "weight_stepsize_increase",
    "weight_stepsize_adapter.stepsize_dec_factor": "weight_stepsize_decrease",
    "weight_stepsize_adapter.annealing_exponent": "weight_stepsize_exponent",
}
# Settings that every variant has.
COMMON_NAMES = {
    "model_initialization.use_diagonal_covs": "diagonal",
    "model_initialization.num_initial_components": "num_initial_components",
    "model_initialization.prior_mean": "prior_mean",
    "model_initialization.prior_scale": "prior_scale",
    "model_initialization.initial_cov": "initial_covariance",
    "num_component_adapter.max_components": "max_components",
    "gmmvi_runner.log_metrics_interval": "log_every",
    "temperature": "temperature",
    "start_seed": "seed",
}
# Where a setting is left open (docs/algorithm.md, "Published settings").
DEFAULTS: dict[str, Any] = {
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
MAX_COMPONENTS = 1000
# And what some choices use in place of that.
_DEFAULTS_OF_CHOICE: dict[str, dict[str, Any]] = {
    "M": {"reuse_ratio": 2.0},
    "P": {"reuse_ratio": 0.0},
    "F": {"initial_component_stepsize": 1e-5},
}
_ARCHIVE_NUMBERS = 2**24


def archive_size(given: Mapping[str, Any], dim: int, num_database_samples: int) -> int:
    """Returns ``max_database_size``, for the 10 million samples that the study kept.

    Candidates for components are drawn from them. The archive has at most 64 MiB, but as many
    samples as a search looks at.

    Args:
        given: the published settings, by their names.
        dim: D.
        num_database_samples: that a search looks at.
    """
    if not given.get("use_sample_database", True):
        return 0
    room = max(num_database_samples, _ARCHIVE_NUMBERS // dim)
    return min(room, given.get("max_database_size", room))


def defaults_of(choices: Sequence[Choice]) -> dict[str, Any]:
    """Returns what the published code uses for the settings of seven choices, by our names."""
    names = {name for choice in choices for name in choice.settings}
    settings = {name: value for name, value in DEFAULTS.items() if name in names}
    for choice in choices:
        settings |= _DEFAULTS_OF_CHOICE.get(choice.letter, {})
    return settings
