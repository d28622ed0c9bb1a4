"""The rules for stepsizes (modules 5 and 7) on constructed histories."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from gmmvi_jax.modules.component_stepsizes.decaying import DecayingComponentStepsize
from gmmvi_jax.modules.component_stepsizes.fixed import FixedComponentStepsize
from gmmvi_jax.modules.component_stepsizes.improvement_based import (
    ImprovementBasedComponentStepsize,
)
from gmmvi_jax.modules.component_stepsizes.protocol import ComponentStepsize
from gmmvi_jax.modules.weight_stepsizes.decaying import DecayingWeightStepsize
from gmmvi_jax.modules.weight_stepsizes.fixed import FixedWeightStepsize
from gmmvi_jax.modules.weight_stepsizes.improvement_based import ImprovementBasedWeightStepsize

from .comparison import Comparison, compare
from .inputs import COMPONENT_STEPSIZE, DECREASE, INCREASE, WEIGHT_STEPSIZE
from .reference import Arrays, make_mixture, make_record, temperature

RATIO = 1e-6  # of two float32 numbers after one multiplication or power


def component_rules(arrays: Arrays) -> Iterator[Comparison]:
    """Compares F, D and R: fresh, improved, worse, unchanged, in and out of the allowed range."""
    settings = COMPONENT_STEPSIZE
    limits = settings["lowest"], settings["highest"], INCREASE, DECREASE
    rules: dict[str, ComponentStepsize] = {
        "fixed": FixedComponentStepsize(settings["initial"]),
        "decaying": DecayingComponentStepsize(settings["initial"], settings["exponent"]),
        "improvement": ImprovementBasedComponentStepsize(settings["initial"], *limits),
    }
    names = ("ages", "rewards", "previous_rewards")
    count = len(arrays["inputs/ages"])
    record = make_record(
        count,
        stepsizes=arrays["inputs/component_stepsizes"],
        **{name: arrays[f"inputs/{name}"] for name in names},
    )
    blank = {
        "inputs/means": np.zeros((count, 1), np.float32),
        "inputs/factors": np.ones((count, 1, 1), np.float32),
    }
    mixture = make_mixture(blank, np.zeros(count))
    for name, rule in rules.items():
        found, _ = rule(mixture, record, rule.init(mixture))
        found = np.asarray(found.stepsizes, np.float64)
        ratio = found / arrays[f"component_stepsizes/{name}/stepsizes"]
        yield compare("component stepsizes", name, "ratio", ratio, np.ones(count), RATIO)


def weight_rules(arrays: Arrays) -> Iterator[Comparison]:
    """Compares X, G and N over some iterations, in one of which a component was just added."""
    settings = WEIGHT_STEPSIZE
    limits = settings["lowest"], settings["highest"], INCREASE, DECREASE
    rules: dict[str, Any] = {
        "fixed": FixedWeightStepsize(settings["initial"]),
        "decaying": DecayingWeightStepsize(settings["initial"], settings["exponent"]),
        "improvement": ImprovementBasedWeightStepsize(settings["initial"], *limits),
    }
    count = arrays["inputs/weight_rewards"].shape[1]
    blank = {
        "inputs/means": np.zeros((count, 1), np.float32),
        "inputs/factors": np.ones((count, 1, 1), np.float32),
    }
    for name, rule in rules.items():
        memory = rule.init(make_mixture(blank, arrays["inputs/weight_log_weights"][0]))
        call = jax.jit(partial(rule, temperature=temperature()))
        found = []
        for rewards, log_weights in zip(
            arrays["inputs/weight_rewards"], arrays["inputs/weight_log_weights"], strict=True
        ):
            mixture = make_mixture(blank, log_weights)
            record = make_record(mixture.capacity, rewards=rewards)
            stepsize, memory = call(mixture, record, memory)
            found.append(float(stepsize))
        ratio = found / arrays[f"weight_stepsizes/{name}/stepsizes"]
        yield compare("weight stepsizes", name, "ratio", ratio, np.ones(len(found)), RATIO)
