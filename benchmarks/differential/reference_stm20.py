"""Runs the published SEPYFUX on a given Student-t mixture; ``paired_stm20.py`` calls it.

It needs the environment of ``make_reference.py``. The instance and the initial mixture come from a
file, ``--start``; the final mixture goes into another, ``--out``. Its last line of output is JSON.
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
from gmmvi.configs import get_default_algorithm_config
from gmmvi.experiments.target_distributions.student_t_mixture import StudentTMixture_LNPDF
from gmmvi.models.full_cov_gmm import FullCovGMM
from gmmvi.models.gmm_wrapper import GmmWrapper
from gmmvi.optimization.gmmvi import GMMVI

SAMPLES = 200  # per iteration, of the whole mixture
COMPONENT_STEPSIZE = 0.01
EVALUATION_SAMPLES = 40_000
HISTORY_LENGTH = 2


def published_settings(initial_covariance: float) -> dict:
    """Returns the settings of a published run on stm20.

    The published run also kept every sample. Nothing ever reads them (no reuse, a fixed number of
    components), and copying them in every iteration takes most of the time: off.
    """
    settings = get_default_algorithm_config("SEPYFUX")
    settings["ng_estimator_config"]["use_self_normalized_importance_weights"] = False
    settings["sample_selector_config"] = {
        "desired_samples_per_component": SAMPLES,
        "ratio_reused_samples_to_desired": 0.0,
    }
    settings["component_stepsize_adapter_config"]["initial_stepsize"] = COMPONENT_STEPSIZE
    settings["weight_stepsize_adapter_config"]["initial_stepsize"] = 0.0
    initial = {"use_diagonal_covs": False, "prior_mean": 0.0, "initial_cov": initial_covariance}
    return settings | {
        "temperature": 1.0,
        "use_sample_database": False,
        "max_database_size": None,
        "model_initialization": initial,
    }


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description="Runs the published SEPYFUX.")
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--evaluations", type=int, required=True)
    arguments = parser.parse_args()
    start = time.perf_counter()
    tf.keras.utils.set_random_seed(arguments.seed)
    with np.load(arguments.start) as file:
        given = dict(file)
    count, dim = given["means"].shape
    num_modes = len(given["target_means"])
    target = StudentTMixture_LNPDF(
        np.full(num_modes, 1.0 / num_modes), given["target_means"], given["target_scales"]
    )
    variance = float(given["variance"])
    model = FullCovGMM(
        tf.fill([count], 1.0 / count),
        tf.constant(given["means"]),
        tf.tile(variance * tf.eye(dim)[None], [count, 1, 1]),
    )
    wrapped = GmmWrapper(model, COMPONENT_STEPSIZE, 1e-12, HISTORY_LENGTH)
    algorithm = GMMVI.build_from_config(published_settings(variance), target, wrapped)
    num_iterations = arguments.evaluations // SAMPLES
    for iteration in range(1, num_iterations + 1):
        algorithm.train_iter()
        if iteration % max(1, num_iterations // 10) == 0:
            seconds = time.perf_counter() - start
            print(f"iteration {iteration} of {num_iterations}, {seconds:.0f} s", flush=True)
    seconds = time.perf_counter() - start
    points = model.sample(EVALUATION_SAMPLES)[0]
    rewards = (target.log_density(points) - model.log_density(points)).numpy().astype(np.float64)
    np.savez(
        arguments.out,
        log_weights=model.log_weights.numpy(),
        means=model.means.numpy(),
        factors=model.chol_cov.numpy(),
    )
    figures = {
        "negative_elbo": -rewards.mean(),
        "standard_error": rewards.std() / np.sqrt(len(rewards)),
        "evaluations": int(algorithm.sample_db.num_samples_written.numpy()),
        "seconds": seconds,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
