"""The study's second experiment: 24 ways to handle weights and exploration.

Source: Arenz et al., TMLR 2023, section 6.2: components added or fixed (A, E), samples of every
component or of the mixture (M, P), weight updates O or U with stepsizes N, G or X. The rest is
S, T, R throughout.
"""

import itertools
from typing import Any

from benchmarks.specification import Specification

# Of the published SAMTRON settings; those of the fixed number are those of SEPYFUX.
COMMON: dict[str, dict[str, Any]] = {
    "gmm20": {"desired_samples": 300, "initial_component_stepsize": 0.1},
    "stm20": {"desired_samples": 200, "initial_component_stepsize": 0.1},
    "planar_robot_4": {"desired_samples": 100, "initial_component_stepsize": 0.1},
}
FIXED = {"gmm20": 25, "stm20": 25, "planar_robot_4": 100}
ADAPTIVE = {"gmm20": (5, 30), "stm20": (25, 30), "planar_robot_4": (50, 5)}  # at first, added every
FULL_EVALUATIONS = {"gmm20": 1_500_000, "stm20": 1_500_000, "planar_robot_4": 2_000_000}
WEIGHT_STEPSIZE = 0.1


def paper_2(small: bool) -> list[Specification]:
    """Returns the runs; small: all 24 on gmm20, and the four A/E x M/P with O, N on the others."""
    runs = []
    for target in COMMON:
        for letters in itertools.product("AE", "MP", "OU", "NGX"):
            adaptation, selector, updater, stepsize = letters
            if small and target != "gmm20" and (updater, stepsize) != ("O", "N"):
                continue
            settings = {
                **COMMON[target],
                "codename": f"S{adaptation}{selector}TR{updater}{stepsize}",
                "initial_weight_stepsize": WEIGHT_STEPSIZE,
            }
            if adaptation == "A":
                initial, every = ADAPTIVE[target]
                settings |= {"num_initial_components": initial, "add_iters": every}
            else:
                settings["num_initial_components"] = FIXED[target]
            if selector == "P":  # of the mixture: as many as M takes for the fixed number
                settings["desired_samples"] *= FIXED[target]
            runs.append(
                Specification(
                    suite="paper-2",
                    label=settings["codename"],
                    method="gmmvi_jax",
                    target=target,
                    seed=0,
                    settings=settings,
                    max_evaluations=300_000 if small else FULL_EVALUATIONS[target],
                    max_seconds=60.0 if small else 1_200.0,
                )
            )
    return runs
