"""Runs the published SAMTRON on a target for some time or iterations; ``paired_timed.py`` calls it.

It needs the environment of ``make_reference.py``. The run's settings come from a JSON file,
``--settings``; for a Student-t mixture the instance comes along in ``--instance``. The final
mixture goes into ``--out``. The last line of output is JSON.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

# What follows exists in the TensorFlow environment only.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
import tensorflow as tf
from gmmvi.configs import get_default_algorithm_config, get_default_experiment_config
from gmmvi.experiments.setup_experiment import construct_initial_mixture
from gmmvi.experiments.target_distributions.student_t_mixture import StudentTMixture_LNPDF
from gmmvi.gmmvi_runner import GmmviRunner
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


def merged(target: str, settings: dict, seed: int) -> dict:
    """Returns the published defaults with the settings of one set over them."""
    config = {**get_default_algorithm_config("SAMTRON"), **get_default_experiment_config(target)}
    for name, value in settings.items():
        value = value[0] if isinstance(value, list) else value
        section, _, key = name.rpartition(".")
        if section:
            config[SECTIONS[section]][key] = value
        else:
            config[name] = value
    return config | {
        "seed": seed,
        "start_seed": seed,
        "gmmvi_runner_config": {"log_metrics_interval": 10**9},
    }


def student_t_algorithm(config: dict, instance: Path) -> GMMVI:
    """Returns the published algorithm on the given instance of the Student-t mixture."""
    with np.load(instance) as file:
        means, scales = file["means"], file["scales"]
    count = len(means)
    target = StudentTMixture_LNPDF(np.full(count, 1.0 / count), means, scales)
    mixture = construct_initial_mixture(means.shape[1], **config["model_initialization"])
    wrapped = GmmWrapper.build_from_config(mixture, config)
    return GMMVI.build_from_config(config, target, wrapped)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description="Runs the published SAMTRON for a while.")
    parser.add_argument("--target", required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--instance", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    start = time.perf_counter()
    tf.keras.utils.set_random_seed(arguments.seed)
    config = merged(arguments.target, json.loads(arguments.settings.read_text()), arguments.seed)
    if arguments.instance is None:
        algorithm = GmmviRunner.build_from_config(config).gmmvi
    else:
        algorithm = student_t_algorithm(config, arguments.instance)
    iterations = 0
    while iterations < arguments.iterations and time.perf_counter() - start < arguments.seconds:
        algorithm.train_iter()
        iterations += 1
    seconds = time.perf_counter() - start
    model = algorithm.model
    np.savez(
        arguments.out,
        log_weights=model.log_weights.numpy(),
        means=model.means.numpy(),
        factors=model.chol_cov.numpy(),
    )
    figures = {
        "iterations": iterations,
        "evaluations": int(algorithm.sample_db.num_samples_written.numpy()),
        "seconds": seconds,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
