"""Other packages on the same targets, with the same metric; every run has the same limits."""

from typing import Any

from benchmarks.specification import Specification
from benchmarks.suites.limits import for_all_seeds, within_the_small_preset

TARGETS = ("breast_cancer", "german_credit", "gmm20", "stm20", "planar_robot_4")
SMALL_TARGETS = ("breast_cancer", "planar_robot_4")
# The evaluations of the end-to-end table, which the TensorFlow reference was measured with.
EVALUATIONS = {
    "breast_cancer": 1_100_000,
    "german_credit": 180_000,
    "gmm20": 1_300_000,
    "stm20": 1_300_000,
    "planar_robot_4": 1_070_000,
}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "SAMTRON": ("gmmvi_jax", {"codename": "SAMTRON", "published": True}),
    "SAMTRON, TensorFlow": ("gmmvi_tensorflow", {"codename": "SAMTRON"}),
    "NumPyro MultivariateNormal": ("numpyro_guide", {"guide": "AutoMultivariateNormal"}),
    "NumPyro BNAF": ("numpyro_guide", {"guide": "AutoBNAFNormal", "learning_rate": 1e-3}),
    "NumPyro IAF": ("numpyro_guide", {"guide": "AutoIAFNormal", "learning_rate": 1e-3}),
    "flowjax MAF": ("flowjax_flow", {"flow": "masked_autoregressive_flow"}),
    "BlackJAX meanfield": ("blackjax_gaussian", {"full_rank": False}),
    "BlackJAX fullrank": ("blackjax_gaussian", {"full_rank": True}),
    "BlackJAX pathfinder": ("blackjax_pathfinder", {}),
    "BlackJAX SMC": ("blackjax_smc", {}),
    "BlackJAX NUTS": ("blackjax_nuts", {}),
    "GSM-VI": ("gsm", {}),
}


def runs_of(
    suite: str, methods: dict[str, tuple[str, dict[str, Any]]], small: bool
) -> list[Specification]:
    """Returns a run of every method, label -> method and settings, on every target."""
    return [
        Specification(
            suite=suite,
            label=label,
            method=method,
            target=target,
            seed=0,
            settings=settings,
            max_evaluations=EVALUATIONS[target],
            max_seconds=60.0 if small else 300.0,
        )
        for target in (SMALL_TARGETS if small else TARGETS)
        for label, (method, settings) in methods.items()
    ]


def peers(preset: str, seeds: int) -> list[Specification]:
    """Returns the runs; small: a target with one mode and one with many."""
    small = preset == "small"
    runs = runs_of("peers", METHODS, small)
    # Some compile for longer than they may run, which nothing stops: room for them.
    return within_the_small_preset(runs, seeds, share=0.85) if small else for_all_seeds(runs, seeds)
