"""Densities, reuse and estimators of the TensorFlow reference on fixed arrays.

The published modules are called as the class ``GMMVI`` there calls them, op by op. Importing this
file imports TensorFlow: set ``TF_USE_LEGACY_KERAS`` before.
"""

from typing import Any

import numpy as np

# What follows exists in the TensorFlow environment only.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
import tensorflow as tf
from gmmvi.models.diagonal_gmm import DiagonalGMM
from gmmvi.models.full_cov_gmm import FullCovGMM
from gmmvi.models.gmm_wrapper import GmmWrapper
from gmmvi.optimization.gmmvi_modules import ng_estimator as estimators
from gmmvi.optimization.gmmvi_modules import sample_selector as selectors
from gmmvi.optimization.sample_db import SampleDB

from tests.differential import inputs

TEMPERATURE = 1.0
HISTORY_LENGTH = 2

Arrays = dict[str, np.ndarray]


def build_model(mixture: Arrays, ridge: float = 1e-12, stepsize: float = 1.0) -> GmmWrapper:
    """Returns the published mixture with exactly these factors and weights."""
    factors = mixture["factors"]
    diagonal = factors.ndim == 2
    covariances = factors**2 if diagonal else factors @ factors.transpose(0, 2, 1)
    kind = DiagonalGMM if diagonal else FullCovGMM
    model = kind(
        tf.constant(np.exp(mixture["log_weights"])),
        tf.constant(mixture["means"]),
        tf.constant(covariances),
    )
    model.chol_cov.assign(factors)  # not the factors of the rounded covariances
    model.log_weights.assign(mixture["log_weights"])
    return GmmWrapper(model, stepsize, ridge, HISTORY_LENGTH)


def run_densities(mixture: Arrays) -> Arrays:
    """Returns the mixture's densities, with their gradient, at its samples."""
    model = build_model(mixture)
    points = tf.constant(mixture["samples"])
    log_density, gradient, log_components = model.log_density_and_grad(points)
    return {
        "mixture/log_density": log_density.numpy(),
        "mixture/gradient": gradient.numpy(),
        "mixture/log_component_densities": log_components.numpy(),
    }


def run_reuse(mixture: Arrays, earlier: Arrays) -> Arrays:
    """Returns what earlier samples are worth, and the background with and without new ones."""
    model = build_model(mixture)
    database = SampleDB(inputs.DIM, mixture["factors"].ndim == 2, True, None)

    def add(samples: np.ndarray, means: Any, factors: Any, origins: np.ndarray) -> None:
        values = np.zeros(len(samples), np.float32)
        slopes = np.zeros_like(samples)
        database.add_samples(samples, means, factors, values, slopes, origins)

    add(*(earlier[f"earlier_{key}"] for key in ("samples", "means", "factors", "origins")))
    reused_background, reused = database.get_newest_samples(inputs.NUM_REUSED)[:2]
    log_density, log_components = model.log_densities_also_individual(reused)
    by_component = selectors.VipsSampleSelector.get_effective_samples
    of_mixture = selectors.LinSampleSelector.get_effective_samples
    results = {
        "reuse/earlier/log_background": reused_background,
        "reuse/earlier/component_sample_sizes": by_component(
            None, log_components, reused_background
        ),
        "reuse/earlier/mixture_sample_size": of_mixture(None, log_density, reused_background),
    }
    add(mixture["samples"], model.means, model.chol_cov, mixture["origins"])
    num_new = len(mixture["samples"])
    results["reuse/all/log_background"] = database.get_newest_samples(inputs.NUM_REUSED + num_new)[
        0
    ]
    results["reuse/new/log_background"] = database.get_newest_samples(num_new)[0]
    return {name: value.numpy() for name, value in results.items()}


def run_estimator(
    mixture: Arrays, choice: str, self_normalised: bool, only_own: bool, ridge: float = 1e-12
) -> Arrays:
    """Returns g and G of one estimator, called as the published algorithm calls it."""
    if choice == "more" and not self_normalised:
        # Plain weights are not divided by N there: the same fit takes N times the ridge.
        ridge = ridge * len(mixture["samples"])
    model = build_model(mixture, ridge)
    settings: dict[str, Any] = {
        "temperature": TEMPERATURE,
        "model": model,
        "only_use_own_samples": only_own,
        "use_self_normalized_importance_weights": self_normalised,
    }
    if choice == "more":
        estimator = estimators.MoreNgEstimator(initial_l2_regularizer=ridge, **settings)
    else:
        estimator = estimators.SteinNgEstimator(**settings)
    hessian, negative_gradient = estimator.get_expected_hessian_and_grad(
        tf.constant(mixture["samples"]),
        tf.constant(mixture["origins"]),
        tf.constant(mixture["log_background"]),
        tf.constant(mixture["log_target"]),
        tf.constant(mixture["target_gradient"]),
    )
    return {"gradient": -negative_gradient.numpy(), "hessian": hessian.numpy()}


def run_more_on_own_samples(mixture: Arrays, ridge: float) -> Arrays:
    """Returns g and G of the published fit to each component's own samples.

    The published switch for that crashes: it gathers the rows of a gradient that this estimator
    does not have. Here each component is given its own samples, their background being its own
    density, and no others.
    """
    log_densities = build_model(mixture).component_log_densities(tf.constant(mixture["samples"]))
    rows: list[Arrays] = []
    for component, log_density in enumerate(log_densities.numpy()):
        own = mixture["origins"] == component
        per_sample = {"samples", "origins", "log_target", "target_gradient"}
        alone = {key: value[own] if key in per_sample else value for key, value in mixture.items()}
        alone["log_background"] = log_density[own]
        found = run_estimator(alone, "more", True, False, ridge)
        rows.append({key: value[component] for key, value in found.items()})
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def run_estimators(mixture: Arrays, diagonal: bool) -> Arrays:
    """Returns what all estimators say that work for this kind of covariance."""
    found: dict[str, Arrays] = {}
    for weighting, self_normalised in {"self_normalised": True, "plain": False}.items():
        for sharing, only_own in {"all_samples": False, "own_samples": True}.items():
            name = f"stein/{weighting}-{sharing}"
            found[name] = run_estimator(mixture, "stein", self_normalised, only_own)
        if not diagonal:  # with diagonal covariances the published fit crashes
            for size, ridge in inputs.RIDGE_FACTORS.items():
                name = f"more/{weighting}-all_samples-{size}"
                found[name] = run_estimator(mixture, "more", self_normalised, False, ridge)
    if not diagonal:
        for size, ridge in inputs.RIDGE_FACTORS.items():
            name = f"more/self_normalised-own_samples-{size}"
            found[name] = run_more_on_own_samples(mixture, ridge)
    return {
        f"{name}/{key}": value for name, arrays in found.items() for key, value in arrays.items()
    }
