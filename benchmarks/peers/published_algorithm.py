"""The published algorithm with given settings; for scripts in the TensorFlow environment.

Importing it imports TensorFlow: set ``TF_USE_LEGACY_KERAS`` before.
"""

from pathlib import Path

import numpy as np

# What follows exists in the TensorFlow environment only.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
from gmmvi.configs import get_default_algorithm_config, get_default_experiment_config
from gmmvi.experiments.setup_experiment import construct_initial_mixture
from gmmvi.experiments.target_distributions.gmm import GMM_LNPDF
from gmmvi.experiments.target_distributions.student_t_mixture import StudentTMixture_LNPDF
from gmmvi.gmmvi_runner import GmmviRunner
from gmmvi.models.full_cov_gmm import FullCovGMM
from gmmvi.models.gmm_wrapper import GmmWrapper
from gmmvi.optimization.gmmvi import GMMVI

SECTIONS = {
    "num_component_adapter": "num_component_adapter_config",
    "sample_selector": "sample_selector_config",
    "component_stepsize_adapter": "component_stepsize_adapter_config",
    "weight_stepsize_adapter": "weight_stepsize_adapter_config",
    "ng_estimator": "ng_estimator_config",
    "model_initialization": "model_initialization",
}


def configuration(target: str, codename: str, overrides: dict, seed: int) -> dict:
    """Returns the published defaults with the settings of one set over them."""
    config = {**get_default_algorithm_config(codename), **get_default_experiment_config(target)}
    for name, value in overrides.items():
        value = value[0] if isinstance(value, list) else value
        section, _, key = name.rpartition(".")
        if section:
            config[SECTIONS[section]][key] = value
        else:
            config[name] = value
    logging = {"log_metrics_interval": 10**9}
    return config | {"seed": seed, "start_seed": seed, "gmmvi_runner_config": logging}


def build(config: dict, target: str, instance: Path) -> GMMVI:
    """Returns the published algorithm, on the given instance where there is one."""
    if not instance.exists():
        return GmmviRunner.build_from_config(config).gmmvi
    with np.load(instance) as file:
        means, scales = file["means"], file["scales"]
    kind = GMM_LNPDF if target.startswith("gmm") else StudentTMixture_LNPDF
    weights = np.full(len(means), 1.0 / len(means))
    mixture = construct_initial_mixture(means.shape[1], **config["model_initialization"])
    wrapped = GmmWrapper.build_from_config(mixture, config)
    return GMMVI.build_from_config(config, kind(weights, means, scales), wrapped)


def store(model: GmmWrapper | FullCovGMM, path: Path) -> None:
    """Writes the mixture as arrays ``log_weights``, ``means`` and ``factors``."""
    np.savez(
        path,
        log_weights=model.log_weights.numpy(),
        means=model.means.numpy(),
        factors=model.chol_cov.numpy(),
    )
