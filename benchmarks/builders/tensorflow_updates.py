"""Updates of components, weights and stepsizes of the TensorFlow reference on fixed arrays.

Where the published modules search for a multiplier they stop early, by constants in their code. The
classes ``Exact...`` replace the search, and nothing else, by a bisection to the last bit on the
published code's own divergence.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

# What follows exists in the TensorFlow environment only.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
import tensorflow as tf
from gmmvi.optimization.gmmvi_modules import component_stepsize_adaptation as component_stepsizes
from gmmvi.optimization.gmmvi_modules import ng_based_component_updater as component_updaters
from gmmvi.optimization.gmmvi_modules import weight_stepsize_adaptation as weight_stepsizes
from gmmvi.optimization.gmmvi_modules import weight_updater as weight_updaters

from benchmarks.builders.tensorflow_estimates import TEMPERATURE, Arrays, build_model
from tests.differential import inputs

BISECTIONS = 60


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
