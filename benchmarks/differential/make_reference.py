"""Runs every module of the published TensorFlow code on fixed arrays and stores the results.

It needs an environment of its own, about 2 GB:

    python3.11 -m venv tfref
    tfref/bin/pip install gmmvi==1.1 tensorflow-cpu tensorflow-probability==0.25.0 tf-keras
    tfref/bin/python benchmarks/differential/make_reference.py --out tests/data/reference.npz

The arrays are named ``covariance/choice/variant/quantity``, the inputs ``covariance/inputs/name``;
``metadata`` is a JSON text with the versions and the seed. The published modules are called as the
class ``GMMVI`` there calls them, op by op. Where they search for a multiplier they stop early, by
constants in their code; the variants ``exact`` replace the search, and nothing else, by a
bisection to the last bit (classes ``Exact...``), on the published code's own divergence.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import inputs  # beside this file: the directory of a script is on its path
import numpy as np

# What follows exists in the TensorFlow environment only.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
import tensorflow as tf
import tensorflow_probability as tfp
from gmmvi.models.diagonal_gmm import DiagonalGMM
from gmmvi.models.full_cov_gmm import FullCovGMM
from gmmvi.models.gmm_wrapper import GmmWrapper
from gmmvi.optimization.gmmvi_modules import component_stepsize_adaptation as component_stepsizes
from gmmvi.optimization.gmmvi_modules import ng_based_component_updater as component_updaters
from gmmvi.optimization.gmmvi_modules import ng_estimator as estimators
from gmmvi.optimization.gmmvi_modules import sample_selector as selectors
from gmmvi.optimization.gmmvi_modules import weight_stepsize_adaptation as weight_stepsizes
from gmmvi.optimization.gmmvi_modules import weight_updater as weight_updaters
from gmmvi.optimization.sample_db import SampleDB

tf.get_logger().setLevel("CRITICAL")  # it warns of deprecations in the published code

TEMPERATURE = 1.0
HISTORY_LENGTH = 2
BISECTIONS = 60

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


def _smallest_feasible(violates: Callable[[Any], Any], low: float, high: float) -> Any:
    """Returns the smallest log multiplier in [low, high] that does not violate the bound."""
    lower, upper = tf.constant(low), tf.constant(high)
    for _ in range(BISECTIONS):
        middle = 0.5 * (lower + upper)
        if violates(middle):
            lower = middle
        else:
            upper = middle
    return upper


class ExactTrustRegion(component_updaters.KLConstrainedNgBasedComponentUpdater):
    """The published trust region, its multiplier found to the last bit."""

    def bracketing_search(
        self, bound: Any, _lower: Any, _upper: Any, *terms: Any, eta_in_logspace: Any
    ) -> tuple[Any, Any]:
        """Returns the smallest multiplier from 1 (the temperature) on, twice."""
        del eta_in_logspace
        if self.kl(tf.constant(0.0), *terms, True)[0] <= bound:
            return tf.constant(1.0), tf.constant(1.0)
        found = _smallest_feasible(
            # Not `>`: for diagonal covariances it is NaN where a precision is negative.
            lambda log_eta: not self.kl(log_eta, *terms, True)[0] <= bound,
            0.0,
            40.0,
        )
        return tf.exp(found), tf.exp(found)


class RecordingWeights(weight_updaters.TrustRegionBasedWeightUpdater):
    """The published weight update; remembers the multiplier."""

    eta = -1.0

    def _bracketing_search(self, *arguments: Any) -> tuple[Any, Any, Any]:
        found = super()._bracketing_search(*arguments)
        self.eta = float(found[1])
        return found


class ExactWeights(weight_updaters.TrustRegionBasedWeightUpdater):
    """The published weight update, its multiplier found to the last bit."""

    eta = -1.0

    def _bracketing_search(
        self, expected_log_ratios: Any, bound: Any, lower: Any, upper: Any
    ) -> tuple[Any, Any, Any]:
        def violates(log_eta: Any) -> Any:
            return self.kl(tf.exp(log_eta), expected_log_ratios)[0] > bound

        log_eta = (
            _smallest_feasible(violates, float(lower), float(upper)) if violates(lower) else lower
        )
        divergence, log_weights = self.kl(tf.exp(log_eta), expected_log_ratios)
        self.eta = float(tf.exp(log_eta))
        return divergence, tf.exp(log_eta), log_weights


def run_component_updater(
    mixture: Arrays, natural: Arrays, updater_type: Any, stepsizes: np.ndarray
) -> Arrays:
    """Returns the updated components, and what was rejected (by its ridge factor)."""
    model = build_model(mixture)
    model.num_received_updates.assign(natural["ages"].astype(np.float32))
    model.l2_regularizers.assign(natural["ridge_factors"])
    updater = updater_type(model, TEMPERATURE)
    updater.apply_NG_update(
        tf.constant(natural["hessian"]), tf.constant(-natural["gradient"]), tf.constant(stepsizes)
    )
    return {
        "means": model.means.numpy(),
        "factors": model.chol_cov.numpy(),
        "ridge_factors": model.l2_regularizers.numpy(),
        "etas": model.last_log_etas.numpy(),  # the multipliers, whatever the name says
    }


def run_component_updaters(mixture: Arrays, natural: Arrays, diagonal: bool) -> Arrays:
    """Returns the results of all updaters that work for this kind of covariance."""
    trust_region = component_updaters.KLConstrainedNgBasedComponentUpdater
    cases = {
        "iblr/step": (component_updaters.NgBasedComponentUpdaterIblr, natural["stepsizes"]),
        "trust_region/published": (trust_region, natural["bounds"]),
        "trust_region/exact": (ExactTrustRegion, natural["bounds"]),
    }
    if not diagonal:  # with diagonal covariances the published step crashes
        direct = component_updaters.DirectNgBasedComponentUpdater
        cases["direct/step"] = (direct, natural["stepsizes"])
    return {
        f"{name}/{key}": value
        for name, (updater, stepsizes) in cases.items()
        for key, value in run_component_updater(mixture, natural, updater, stepsizes).items()
    }


def run_weight_updaters(mixture: Arrays) -> Arrays:
    """Returns new log weights, rewards and multipliers of all weight updates."""
    direct = {"weights_direct": (weight_updaters.DirectWeightUpdater, inputs.WEIGHT_STEPSIZES)}
    bounded = {
        "weights_trust_region": (RecordingWeights, inputs.WEIGHT_BOUNDS),
        "weights_trust_region_exact": (ExactWeights, inputs.WEIGHT_BOUNDS),
    }
    results: Arrays = {}
    for choice, (updater_type, stepsizes) in (direct | bounded).items():
        for weighting, self_normalised in {"self_normalised": True, "plain": False}.items():
            for name, stepsize in stepsizes.items():
                model = build_model(mixture)
                updater = updater_type(model, TEMPERATURE, self_normalised)
                updater.update_weights(
                    tf.constant(mixture["samples"]),
                    tf.constant(mixture["log_background"]),
                    tf.constant(mixture["log_target"]),
                    tf.constant(stepsize),
                )
                prefix = f"{choice}/{weighting}-{name}"
                results[f"{prefix}/log_weights"] = model.log_weights.numpy()
                results[f"{prefix}/rewards"] = model.reward_history[:, -1].numpy()
                results[f"{prefix}/eta"] = np.array(getattr(updater, "eta", -1.0), "f4")
    return results


def run_component_stepsizes(histories: Arrays) -> Arrays:
    """Returns the next stepsizes [K] under each rule."""
    settings = inputs.COMPONENT_STEPSIZE
    count = len(histories["ages"])
    mixture = {
        "log_weights": np.full(count, -np.log(count), np.float32),
        "means": np.zeros((count, 1), np.float32),
        "factors": np.ones((count, 1, 1), np.float32),
    }
    model = build_model(mixture, stepsize=settings["initial"])
    rules = {
        "fixed": component_stepsizes.FixedComponentStepsizeAdaptation(model, settings["initial"]),
        "decaying": component_stepsizes.DecayingComponentStepsizeAdaptation(
            model, settings["exponent"], settings["initial"]
        ),
        "improvement": component_stepsizes.ImprovementBasedComponentStepsizeAdaptation(
            model,
            settings["initial"],
            settings["lowest"],
            settings["highest"],
            inputs.INCREASE,
            inputs.DECREASE,
        ),
    }
    model.num_received_updates.assign(histories["ages"].astype(np.float32))
    model.reward_history.assign(
        np.stack([histories["previous_rewards"], histories["rewards"]], axis=1)
    )
    current = {name: tf.constant(histories["component_stepsizes"]) for name in rules}
    current["fixed"] = model.stepsizes
    return {
        f"component_stepsizes/{name}/stepsizes": rule.update_stepsize(current[name]).numpy()
        for name, rule in rules.items()
    }


def run_weight_stepsizes(mixture: Arrays, histories: Arrays) -> Arrays:
    """Returns the stepsizes [T] of successive iterations under each rule."""
    settings = inputs.WEIGHT_STEPSIZE
    model = build_model(mixture)
    rules = {
        "fixed": weight_stepsizes.FixedWeightStepsizeAdaptation(settings["initial"]),
        "decaying": weight_stepsizes.DecayingWeightStepsizeAdaptation(
            settings["initial"], settings["exponent"]
        ),
        "improvement": weight_stepsizes.ImprovementBasedWeightStepsizeAdaptation(
            model,
            settings["initial"],
            settings["lowest"],
            settings["highest"],
            inputs.INCREASE,
            inputs.DECREASE,
        ),
    }
    found: dict[str, list[float]] = {name: [] for name in rules}
    for rewards, log_weights in zip(
        histories["weight_rewards"], histories["weight_log_weights"], strict=True
    ):
        model.log_weights.assign(log_weights)
        model.store_rewards(rewards)
        for name, rule in rules.items():
            found[name].append(float(rule.update_stepsize()))
    return {
        f"weight_stepsizes/{name}/stepsizes": np.array(values, np.float32)
        for name, values in found.items()
    }


def make_reference(seed: int) -> Arrays:
    """Returns all inputs and outputs, and the metadata."""
    metadata = {
        "gmmvi": "1.1",
        "tensorflow": tf.__version__,
        "tensorflow_probability": tfp.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
        "seed": seed,
        "temperature": TEMPERATURE,
    }
    arrays: Arrays = {"metadata": np.array(json.dumps(metadata))}
    for name, diagonal in {"full": False, "diagonal": True}.items():
        mixture = inputs.make_mixture(diagonal, seed)
        natural = inputs.make_natural_gradients(mixture, diagonal, seed)
        earlier = inputs.make_earlier(mixture, diagonal, seed)
        ridges = {f"ridge_{key}": np.array(r, "f4") for key, r in inputs.RIDGE_FACTORS.items()}
        given = mixture | natural | earlier | ridges
        found = (
            {f"inputs/{key}": value for key, value in given.items()}
            | run_densities(mixture)
            | run_reuse(mixture, earlier)
            | run_estimators(mixture, diagonal)
            | run_component_updaters(mixture, natural, diagonal)
            | run_weight_updaters(mixture)
        )
        arrays |= {f"{name}/{key}": value for key, value in found.items()}
    histories = inputs.make_rewards(seed)
    found = (
        {f"inputs/{key}": value for key, value in histories.items()}
        | run_component_stepsizes(histories)
        | run_weight_stepsizes(inputs.make_mixture(False, seed), histories)
    )
    return arrays | {f"any/{key}": value for key, value in found.items()}


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description="Stores what the published code computes.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=inputs.SEED)
    arguments = parser.parse_args()
    arrays = make_reference(arguments.seed)
    np.savez_compressed(arguments.out, allow_pickle=False, **arrays)
    print(f"{arguments.out}: {len(arrays)} arrays, {arguments.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
