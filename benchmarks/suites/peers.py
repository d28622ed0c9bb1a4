"""Other packages on the same targets, with the same metric and the same limits for every run."""

from typing import Any

from benchmarks.specification import Specification

# Those of the published runs that the TensorFlow reference was first measured with.
EVALUATIONS = {
    "breast_cancer": 1_100_000,
    "german_credit": 180_000,
    "gmm20": 1_300_000,
    "stm20": 1_300_000,
    "planar_robot_4": 1_070_000,
}
SMALL_EVALUATIONS = {name: EVALUATIONS[name] for name in ("breast_cancer", "planar_robot_4")}
# Too large for most methods: SAMTRON and its reference alone, for as long as the time lasts.
REFERENCE_TARGETS = ("stm300", "breast_cancer_mb", "german_credit_mb")
UNLIMITED = 10**9
IBAYES_EVALUATIONS = 500_000  # of SEPYFUX on stm20
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "SAMTRON": ("gmmvi_jax", {"codename": "SAMTRON", "published": True}),
    "SAMTRON, TensorFlow": ("gmmvi_tensorflow", {"codename": "SAMTRON"}),
    "NumPyro MultivariateNormal": ("numpyro_guide", {"guide": "AutoMultivariateNormal"}),
    "NumPyro BNAF": ("numpyro_guide", {"guide": "AutoBNAFNormal", "learning_rate": 1e-3}),
    "NumPyro IAF": ("numpyro_guide", {"guide": "AutoIAFNormal", "learning_rate": 1e-3}),
    "flowjax MAF": ("flowjax_flow", {"flow": "masked_autoregressive_flow"}),
    "BlackJAX meanfield": ("blackjax_gaussian", {"full_rank": False}),
    "BlackJAX fullrank": ("blackjax_gaussian", {"full_rank": True}),
    "BlackJAX SMC": ("blackjax_smc", {}),
    "BlackJAX NUTS": ("blackjax_nuts", {}),
    "GSM-VI": ("gsm", {}),
}
REFERENCES = {label: METHODS[label] for label in ("SAMTRON", "SAMTRON, TensorFlow")}
IBAYES: dict[str, tuple[str, dict[str, Any]]] = {
    "SEPYFUX": ("gmmvi_jax", {"codename": "SEPYFUX", "published": True, "log_every": 250}),
    "SEPYFUX, TensorFlow": ("gmmvi_tensorflow", {"codename": "SEPYFUX", "log_every": 250}),
}


def runs_of(
    suite: str,
    methods: dict[str, tuple[str, dict[str, Any]]],
    evaluations: dict[str, int],
    max_seconds: float,
) -> list[Specification]:
    """Returns a run of every method, label -> method and settings, on every target."""
    return [
        Specification(suite, label, method, target, 0, settings, most, max_seconds)
        for target, most in evaluations.items()
        for label, (method, settings) in methods.items()
    ]


def peers(small: bool) -> list[Specification]:
    """Returns the runs; small: a target with one mode and one with many."""
    if small:
        return runs_of("peers", METHODS, SMALL_EVALUATIONS, 60.0)
    runs = runs_of("peers", METHODS, EVALUATIONS, 300.0)
    runs += runs_of("peers", REFERENCES, dict.fromkeys(REFERENCE_TARGETS, UNLIMITED), 300.0)
    return runs + runs_of("peers", IBAYES, {"stm20": IBAYES_EVALUATIONS}, 900.0)
